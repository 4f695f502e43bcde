"""The style sheet, the script and the pictures of the pages themselves."""

from mimetypes import guess_type

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from forum.web.page import sealed, static_files

A_YEAR = 31_536_000


async def show_file(request: Request) -> Response:
    """With the right hash in its address it never changes; without, it is asked for anew."""
    name = request.path_params["file"]
    if name not in static_files():
        raise HTTPException(404)
    data, content_hash = static_files()[name]
    is_this_one = request.query_params.get("v") == content_hash
    caching = f"public, max-age={A_YEAR}, immutable" if is_this_one else "no-cache"
    return sealed(Response(data, media_type=guess_type(name)[0], headers={"Cache-Control": caching}), request)
