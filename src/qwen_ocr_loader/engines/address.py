"""A server's address, which may hold a user and a password: they are sent, and not shown."""

from __future__ import annotations

import base64
from urllib.parse import unquote_to_bytes, urlsplit

from ..download import without_secrets


class Address(str):
    """A URL whose repr is without the secrets in it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self.shown)

    @property
    def shown(self) -> str:
        """As it may be shown and stored."""
        url = str(self)
        return without_secrets(url) if "://" in url else url.rpartition("@")[2]

    @property
    def host(self) -> str:
        """In small letters; ``""`` where it has none."""
        try:
            return urlsplit(self).hostname or ""
        except ValueError:  # half an IPv6 address
            return ""

    def parted(self) -> tuple[str, str]:
        """The URL without user and password, and the value of ``Authorization`` that says these; ``""`` without any."""
        place = self.partition("://")[2].partition("/")[0]
        person, at, host = place.rpartition("@")
        if not at:
            return str(self), ""
        name, _, password = person.partition(":")
        said = base64.b64encode(unquote_to_bytes(name) + b":" + unquote_to_bytes(password))
        return self.replace(place, host, 1), f"Basic {said.decode()}"
