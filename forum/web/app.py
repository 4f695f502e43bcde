"""The application: every address of the site on one page."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forum.web import (
    absence,
    api,
    attachments,
    bounces,
    desk,
    dev,
    door,
    folding,
    front,
    health,
    held,
    ledger,
    members,
    metrics,
    moving,
    networks,
    posts,
    sign_in,
    static_files,
    threads,
    unsubscribe,
)
from forum.web.door import View, Views, endpoint
from forum.web.live import Live
from forum.web.visit import Explain, Site
from forum.world import World


class Id(Convertor[int]):
    """A number that every database takes."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", Id())


def at(path: str, show: View | None = None, act: View | None = None, **more: object) -> Route:
    """`show` answers GET, `act` POST; `more` as `Views` has it."""
    methods = [method for method, view in (("GET", show), ("POST", act)) if view]
    return Route(path, endpoint(Views(show, act, path=path, **more)), methods=methods)  # type: ignore[arg-type]


ROUTES = [
    at("/", front.show_front),
    at("/networks", networks.show_networks),
    at("/n/{slug}", networks.show_network),
    at("/n/{slug}/new", threads.show_new, threads.start),
    at("/n/{slug}/mode", act=networks.set_mode),
    at("/n/{slug}/leave", act=networks.leave),
    at("/n/{slug}/{thread:id}/news", threads.show_news),
    at("/n/{slug}/{thread:id}/subscription", act=threads.set_subscription),
    at("/n/{slug}/{thread:id}-{words}", threads.show_thread, threads.write_reply),
    at("/n/{slug}/{thread:id}", threads.show_thread, threads.write_reply),
    at("/p/{post:id}", posts.show_post),
    at("/p/{post:id}/deliveries", ledger.show_deliveries),
    at("/p/{post:id}/whole", folding.show_whole),
    at("/p/{post:id}/change", moving.show_change, moving.change),
    at("/c/{token}", moving.show_change_by_link, moving.change_by_link),
    at("/a/{attachment:id}", attachments.show_file),
    at("/me", members.show_me, members.change),
    at("/me/receipts", act=members.choose_receipts),
    at("/me/absence", members.show_me, absence.change),
    at("/me/resume", act=bounces.resume),
    at("/language", act=members.choose_language),
    at("/sign-in", sign_in.show_address, sign_in.send_code),
    at("/sign-in/code", sign_in.show_code, sign_in.enter, refused=sign_in.note_wrong_try),
    at("/sign-out", act=sign_in.leave),
    at("/sign-out/everywhere", act=sign_in.leave_everywhere),
    at("/u/{token}", unsubscribe.show_unsubscribe, unsubscribe.unsubscribe, from_anywhere=True),
    at("/r/{token}", bounces.show_resume, bounces.resume_by_link),
    at("/held/{token}", held.show_held, held.confirm, outside=True),
    at("/desk/mail", desk.show_mail, desk.rehearse_mail, outside=True, keeps_files=False),
    at("/health", health.show_health, away=health.show_away),
    at("/metrics", metrics.show_metrics),
    Route("/static/{file}", static_files.show_file),
]
API = [at(f"/api/v1{call.path}", **{call.role: call.view}, api=True) for call in api.CALLS]
DEV = [
    at("/dev/sign-in/{member:id}", dev.show_sign_in, dev.sign_in_as),
    at("/dev/mail", dev.show_mailboxes),
    at("/dev/mail/{address}", dev.show_mailbox, dev.write_mail, outside=True),
    at("/dev/mail/{address}/{file}", dev.show_mail, dev.write_answer, outside=True),
    at("/dev/mail/{address}/{file}/html", dev.show_html),
]


def create_app(
    world: World, confirm_held: Callable[[int], None] | None = None, explain: Explain | None = None
) -> Starlette:
    """What only the bridge can do, the roof hands in: `confirm_held` works a held mail through again, given the id of its
    inbox row; `explain` tells what would become of a mail, given its bytes, its recipients, and whether it is vouched for."""
    routes = [*ROUTES, *API, *(DEV if world.settings.demo else [])]
    app = Starlette(routes=routes, exception_handlers={404: _nowhere, 405: _nowhere})
    app.state.site = Site(world, Live(world.database, world.random), confirm_held, explain)
    app.router.redirect_slashes = False
    return app


async def _nowhere(request: Request, error: Exception) -> Response:
    return await door.nowhere(request)
