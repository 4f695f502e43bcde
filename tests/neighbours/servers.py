"""Postfix, Dovecot, OpenDKIM, OpenDMARC and reverse proxies, each in the foreground and with the files of docs/deploy."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mailbridge.addresses import on_the_wire
from tests.journeys.town import until
from tests.neighbours.place import Place

LIBRARY = "/usr/lib/postfix/sbin"
USER, PASSWORD = "parvi", "not so secret"
PROGRAMS = (
    "postfix",
    "dovecot",
    "/usr/lib/dovecot/imap",
    "/usr/lib/dovecot/lmtp",
    "opendkim",
    "opendmarc",
    "nginx",
    "caddy",
)


def missing() -> str:
    """Why there can be no neighbours; "" when there can."""
    if os.geteuid() != 0:
        return "Postfix and Dovecot want to be started by root"
    if absent := [name for name in PROGRAMS if not installed(name)]:
        return f"not installed: {', '.join(absent)}"
    version = subprocess.run([installed("dovecot"), "--version"], capture_output=True, text=True, check=True).stdout
    return "" if version.startswith("2.3.") else f"its configuration is for Dovecot 2.3, and this is {version.strip()}"


def installed(name: str) -> str:
    """Where a program is, "" when it is not; not everyone's PATH leads to those of the system."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") or ""


@contextmanager
def program(here: Place, name: str, *words: str, port: str, gently: bool = True) -> Iterator[None]:
    """Runs until the end of the block; ready once it answers at its port."""
    log = here.folder / f"{Path(name).name}.log"
    homes = {each: str(here.folder) for each in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    with open(log, "wb") as out:
        running = subprocess.Popen([installed(name), *words], stdout=out, stderr=out, env={**os.environ, **homes})
    try:
        until(lambda: _answers(here.port(port)) or still_runs(running, log))
        yield
    finally:
        running.terminate() if gently else running.kill()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _answers(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return None
    return True


def still_runs(running: "subprocess.Popen[bytes]", log: Path) -> bool | None:
    """None, for who goes on waiting."""
    assert running.poll() is None, log.read_text(errors="replace")
    return None


@contextmanager
def dovecot(here: Place, users: Mapping[str, Path]) -> Iterator[None]:
    """Mailboxes by LMTP and IMAP for `users` (login name -> folder), and Postfix's word on who may hand in mail."""
    base = here.folder / "dovecot"
    lines = [f"{name}:{{PLAIN}}{PASSWORD}::::::userdb_mail=maildir:{folder}" for name, folder in users.items()]
    passwords = here.write("dovecot/users", "\n".join(lines) + "\n")
    handing_in = here.fitted("dovecot-postfix.conf", **{
        "/etc/dovecot/parvi\n}": f"{here.write('dovecot/parvi', f'{USER}:{{PLAIN}}{PASSWORD}')}\n}}",
        "/var/spool/postfix": f"{here.folder}/postfix/queue",
    })  # fmt: skip
    config = here.write(
        "dovecot/dovecot.conf",
        f"""
        base_dir = {base}/run
        state_dir = {base}/state
        log_path = {base}/log
        protocols = imap lmtp
        listen = 127.0.0.1
        ssl = required
        ssl_cert = <{here.certificate}
        ssl_key = <{here.key}
        mail_uid = nobody
        mail_gid = nogroup
        first_valid_uid = 1
        mail_fsync = never
        auth_mechanisms = plain
        passdb {{
          driver = passwd-file
          args = {passwords}
        }}
        userdb {{
          driver = passwd-file
          args = {passwords}
          default_fields = uid=nobody gid=nogroup home={base}
        }}
        service imap-login {{
          inet_listener imap {{
            port = 0
          }}
          inet_listener imaps {{
            port = {here.port("imaps")}
          }}
        }}
        service lmtp {{
          inet_listener lmtp {{
            port = {here.port("mailboxes")}
          }}
        }}
        service stats {{
          unix_listener stats-writer {{
            mode = 0666
          }}
        }}
        {handing_in}
        """,
    )
    with program(here, "dovecot", "-F", "-c", str(config), port="imaps"):
        yield


@contextmanager
def milters(here: Place, name_server: str, policies: Mapping[str, str]) -> Iterator[None]:
    """OpenDKIM asks the name server; OpenDMARC can be told none, and reads `policies` (domain -> record) from a file."""
    host, _, port = name_server.partition(":")
    resolver = here.write(
        "unbound.conf",
        f'server:\n do-not-query-localhost: no\nforward-zone:\n name: "."\n forward-addr: {host}@{port}\n',
    )
    more = f"ResolverConfiguration {resolver}\nBackground no\nPidFile {here.folder}/opendkim.pid\n"
    fitted = here.fitted("opendkim.conf", **{"8891": str(here.port("dkim")), "TrustAnchorFile": "#"})
    dkim = here.write("opendkim.conf", fitted + more)
    known = here.write("policies", "".join(f"_dmarc.{name} {text}\n" for name, text in policies.items()))
    more = f"TestDNSData {known}\nBackground no\nPidFile {here.folder}/opendmarc.pid\n"
    fitted = here.fitted(
        "opendmarc.conf", **{"8893": str(here.port("dmarc")), "SPFSelfValidate true": "SPFSelfValidate false"}
    )
    dmarc = here.write("opendmarc.conf", fitted + more)
    with (
        program(here, "opendkim", "-f", "-x", str(dkim), port="dkim", gently=False),
        program(here, "opendmarc", "-f", "-c", str(dmarc), port="dmarc", gently=False),
    ):
        yield


@contextmanager
def postfix(
    here: Place, transports: Mapping[str, str], mailboxes: Mapping[str, str], abroad: Mapping[str, str]
) -> Iterator[None]:
    """In front of the domains in `transports` (domain -> next hop), and the way to `mailboxes` (the same). It delivers what
    goes `abroad` by itself (address -> Maildir)."""
    base = here.folder / "postfix"
    prepare_queue(base)
    routes = "".join(f"{name} {hop}\n" for name, hop in [*transports.items(), *mailboxes.items()])
    here.write(
        "postfix/transport",
        here.fitted("postfix-transport", **{"lists.example.org lmtp:inet:127.0.0.1:8024\n": routes}),
    )
    here.write("postfix/header_checks", here.fitted("postfix-header_checks"))
    here.write("postfix/virtual", "".join(f"{on_the_wire(address)} {folder}\n" for address, folder in abroad.items()))
    foreign = {on_the_wire(address).rpartition("@")[2] for address in abroad}
    certificates = {
        f"/etc/ssl/mx.example.org/{file}": str(here.folder / file) for file in ("fullchain.pem", "privkey.pem")
    }
    ports = {":8891": f":{here.port('dkim')}", ":8893": f":{here.port('dmarc')}"}
    main = here.fitted("postfix-main.cf", **{
        "relay_domains = lists.example.org": f"relay_domains = {' '.join(transports)}", "/etc/postfix": str(base),
        **certificates, **ports,
    })  # fmt: skip
    here.write(
        "postfix/main.cf",
        f"""{main}
# What only holds here: other folders, no names of peers, and trouble that is over soon.
queue_directory = {base}/queue
data_directory = {base}/data
command_directory = /usr/sbin
daemon_directory = {LIBRARY}
maillog_file = {base}/log
maillog_file_prefixes = /
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
minimal_backoff_time = 1s
queue_run_delay = 1s
multi_instance_name =
virtual_mailbox_domains = {" ".join(foreign)}
virtual_mailbox_maps = texthash:{base}/virtual
virtual_mailbox_base = {here.folder}/boxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
alias_maps =
""",
    )
    fitted = here.fitted("postfix-master.cf", **{"submission inet": f"127.0.0.1:{here.port('submission')} inet"})
    here.write("postfix/master.cf", MASTER.format(port=here.port("front")) + fitted)
    with program(here, f"{LIBRARY}/master", "-s", "-c", str(base), port="front"):
        yield


MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def prepare_queue(base: Path) -> None:
    """As `postfix start` does it, which looks at each of Postfix's files as well and takes two seconds for that."""
    (base / "queue").mkdir(parents=True)
    for name in ("pid", *OWN_QUEUES, *SHARED_QUEUES):
        folder = base / "queue" / name
        folder.mkdir()
        if name != "pid":
            shutil.chown(folder, "postfix", "postdrop" if name in SHARED_QUEUES else None)
            folder.chmod(0o730 if name == "maildrop" else 0o710 if name == "public" else 0o700)
    (base / "data").mkdir()
    shutil.chown(base / "data", "postfix")


OWN_QUEUES = "active bounce corrupt defer deferred flush hold incoming private saved trace".split()  # noqa: SIM905
SHARED_QUEUES = ("maildrop", "public")


@contextmanager
def nginx(here: Place, upstream: int) -> Iterator[str]:
    """Answers where the pages are."""
    site = here.fitted("nginx.conf", **{
        "listen 80;": f"listen 127.0.0.1:{here.port('nginx-plain')};",
        "listen 443 ssl": f"listen 127.0.0.1:{here.port('nginx')} ssl", "server_name forum.example.org": "server_name localhost",
        "/etc/ssl/forum.example.org": str(here.folder), "127.0.0.1:8000": f"127.0.0.1:{upstream}",
    })  # fmt: skip
    own = [
        f"{kind}_temp_path {here.folder}/nginx-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ]
    around = f"daemon off;\npid {here.folder}/nginx.pid;\nerror_log {here.folder}/nginx.log;\nevents {{}}\n"
    file = here.write("nginx.conf", "\n".join([around, "http {", "access_log off;", *own, site, "}"]))
    with program(here, "nginx", "-c", str(file), "-e", f"{here.folder}/nginx.log", port="nginx"):
        yield f"https://localhost:{here.port('nginx')}"


@contextmanager
def caddy(here: Place, upstream: int) -> Iterator[str]:
    """With our certificate: the authority that Caddy would ask is far away."""
    site = here.fitted("Caddyfile", **{
        "forum.example.org {": f"https://localhost:{here.port('caddy')} {{\n\ttls {here.certificate} {here.key}",
        "127.0.0.1:8000": f"127.0.0.1:{upstream}",
    })  # fmt: skip
    file = here.write("Caddyfile", "{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + site)
    with program(here, "caddy", "run", "--adapter", "caddyfile", "--config", str(file), port="caddy"):
        yield f"https://localhost:{here.port('caddy')}"
