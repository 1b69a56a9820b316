"""The ways in which V3 pages its lists.

`links` in a reply are never followed: they could name another host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, decoded


class _Cursors(msgspec.Struct, frozen=True):
    end_cursor: str | None = None


class _Pages(msgspec.Struct, frozen=True):
    current_page: int = 1
    total_pages: int = 1


class _Meta(msgspec.Struct, frozen=True):
    cursor_pagination: _Cursors | None = None
    pagination: _Pages | None = None


class _Reply(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw]
    meta: _Meta = _Meta()


_REPLY = msgspec.json.Decoder(_Reply)


def pages_by_cursor(
    shop: BigCommerce, path: str, params: Mapping[str, str | int], *, limit: int
) -> Iterator[list[msgspec.Raw]]:
    """Pages of a list with `meta.cursor_pagination`; of one without it, by page number.

    The reference's parameter texts swap the two cursors: it is `end_cursor` that goes into `after`.
    """
    position: dict[str, str | int] = {}
    while True:
        reply = _reply(shop, path, {**params, "limit": limit, **position})
        yield reply.data
        cursors, pages = reply.meta.cursor_pagination, reply.meta.pagination
        if len(reply.data) < limit:
            return
        if cursors is not None and cursors.end_cursor and position.get("after") != cursors.end_cursor:
            position = {"after": cursors.end_cursor}
        elif cursors is None and pages is not None and pages.current_page < pages.total_pages:
            position = {"page": pages.current_page + 1}
        else:
            return


def pages_by_number(
    shop: BigCommerce, path: str, params: Mapping[str, str | int], *, limit: int
) -> Iterator[list[msgspec.Raw]]:
    """Pages of a list by number.

    What is deleted meanwhile can hide a record for this pull: the next one brings it.
    """
    page = 1
    while True:
        reply = _reply(shop, path, {**params, "limit": limit, "page": page})
        yield reply.data
        pages = reply.meta.pagination
        if not reply.data or (page >= pages.total_pages if pages else len(reply.data) < limit):
            return
        page += 1


def pages_to_the_end(
    shop: BigCommerce, path: str, params: Mapping[str, str | int], *, limit: int
) -> Iterator[list[msgspec.Raw]]:
    """Pages by number of a list that neither counts its pages nor names the largest limit, until one has no news.

    A short page proves nothing there: the shop may give fewer than were asked for. A list without rows yields nothing.
    """
    seen: set[bytes] = set()
    page = 1
    while True:
        rows = _reply(shop, path, {**params, "limit": limit, "page": page}).data
        fresh = [row for row in rows if bytes(row) not in seen]
        if not fresh:
            return
        yield fresh
        seen |= {bytes(row) for row in fresh}
        page += 1


def whole_list(shop: BigCommerce, path: str) -> list[msgspec.Raw]:
    """All rows of a list that documents no paging: one call, and more only where the reply itself tells of pages."""
    reply = _reply(shop, path, {})
    rows, pages = list(reply.data), reply.meta.pagination
    for page in range(2, (pages.total_pages if pages else 1) + 1):
        rows += _reply(shop, path, {"page": page}).data
    return rows


def one_page(shop: BigCommerce, path: str, params: Mapping[str, str | int]) -> list[msgspec.Raw]:
    """One page as asked for, for lists that can be walked by id."""
    return _reply(shop, path, params).data


def _reply(shop: BigCommerce, path: str, params: Mapping[str, str | int]) -> _Reply:
    body = shop.get(path, params)
    return decoded(f"GET {path}", body, _REPLY) if body else _Reply([])
