"""The disk fills up while mail comes in: it stays with its senders, nothing is lost, and all goes on when there is room."""

import subprocess
from contextlib import suppress

from tests.trouble.machine import Mailbox, Parvi, Sender, check_that_all_is_well, small_disk, until


def test_it_fills_up_under_load() -> None:
    with small_disk(24) as disk:
        mailbox = Mailbox()
        parvi = Parvi(disk / "data", mailbox.port)
        try:
            parvi.start()
            with Sender(parvi.smtp, 2000, attached=60_000) as sender:
                sender.until_more(10)
                filler = disk / "filler"
                for _ in range(2):
                    with suppress(OSError), open(filler, "wb", buffering=0) as file:
                        while True:
                            file.write(bytes(4096))
                    before = sender.said.total()
                    until(lambda before=before: sender.said.total() > before + 10)  # type: ignore[misc]
                    assert parvi.asked("/n/net")[0] == 200, "what is there can be read"
                    subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
                    filler.unlink()
                    sender.until_more(5)
                    subprocess.run(["mount", "-o", "remount,size=40m", disk], check=False)
                subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
            check_that_all_is_well(parvi, mailbox, sender.accepted)
            assert set(sender.said) <= {"451", "452"}
            assert parvi.memory_mib() < 215
        finally:
            parvi.stop()
            mailbox.close()
