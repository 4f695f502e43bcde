"""The addresses of discussions and messages. Pure."""

from forum.text import words_of
from forum.threads import PAGE


def thread_path(slug: str, thread_id: int, subject: str) -> str:
    return f"/n/{slug}/{thread_id}-{words_of(subject)}".rstrip("-")


def page_of(number: int) -> int:
    """The `after` of the page on which the post with this number stands."""
    return (number - 1) // PAGE * PAGE


def post_path(slug: str, thread_id: int, subject: str, number: int) -> str:
    query = f"?after={page_of(number)}" if page_of(number) else ""
    return f"{thread_path(slug, thread_id, subject)}{query}#post-{number}"


def is_local(path: str) -> bool:
    """Whether a path to go on to stays here: browsers read // and /\\ as another host, and skip tabs and line ends."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and " " not in path
