"""Fetching a URL somebody else may have written: bounded in time, size and hops, and never into the private network.

Every connection is made to an address that was resolved and checked just before, so a name that changes its address
in between (DNS rebinding) gains nothing. That check and the total deadline sit below HTTP, in the network backend of
``httpcore``, which httpx stands on. Proxies set in the environment are not used: they would resolve names themselves.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from .errors import DownloadFailed, OCRError, SourceTooLarge

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Mapping

    import httpcore

_REDIRECTS = (301, 302, 303, 307, 308)
_DO_IT_YOURSELF = "or download it yourself and hand over the file"
_SENSITIVE = (  # names in a query; compiled where it is first needed, as all of this module's imports are
    r"(?i)^(x-(amz|goog|ms)-.*|awsaccesskeyid|googleaccessid|sig|signature|policy|key-pair-id|.*(token|secret|passw|pwd"
    r"|credential|api[-_]?key|access[-_]?key|auth).*|key|code)$"
)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a URL gave. ``file_name`` is the server's or the URL's; ``""`` where neither has one."""

    data: bytes = field(repr=False)
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """How URLs are fetched.

    Attributes:
        timeout: Seconds for the whole download, redirects included.
        max_bytes: The largest body; counted while it arrives.
        redirects: How many are followed. From https to http none is.
        allow_private: Also fetch from private, loopback, link-local and other non-public addresses.
        headers: Sent to the URL's own host only, not to where it redirects.
        verify: An ``ssl.SSLContext`` instead of the default one (certifi's authorities).
    """

    timeout: float = 30.0
    max_bytes: int = 200_000_000
    redirects: int = 5
    allow_private: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    verify: ssl.SSLContext | None = field(default=None, repr=False, hash=False)

    def fetch(self, url: str) -> Downloaded:
        """Download ``url`` into memory. Blocks; takes at most ``timeout`` seconds, name resolution aside.

        Raises:
            DownloadFailed: Refused address, HTTP error, timeout, broken connection or certificate, redirects.
            SourceTooLarge: Over ``max_bytes``.
        """
        import httpcore
        import httpx

        network = _Network(time.monotonic() + self.timeout, self.allow_private)
        verify = self.verify or httpx.create_ssl_context(trust_env=False)
        try:
            with httpcore.ConnectionPool(ssl_context=verify, network_backend=cast("Any", network)) as pool:
                return self._follow(pool, url)
        except OCRError as error:
            error.source = without_secrets(url)
            raise
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise DownloadFailed(_LATE.format(self.timeout), source=without_secrets(url)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.InvalidURL, OSError, ValueError) as error:
            message = f"the download failed: {error or type(error).__name__}; check the URL, {_DO_IT_YOURSELF}."
            raise DownloadFailed(message, source=without_secrets(url)) from error

    def _follow(self, pool: httpcore.ConnectionPool, url: str) -> Downloaded:
        start = here = _parsed(url)
        for _ in range(self.redirects + 1):
            with pool.stream("GET", _target(here), headers=self._headers(here, start)) as response:
                if response.status not in _REDIRECTS:
                    return self._received(response, here)
                target = _header(response, b"location")
            there = _parsed(str(here.join(target)))
            if here.scheme == "https" and there.scheme == "http":
                told = f"redirects from https to unprotected {without_secrets(str(there))}; not followed"
                raise DownloadFailed(f"{told}; give its address over https.")
            here = there
        raise DownloadFailed(f"more than {self.redirects} redirects; raise it with Download(redirects=...).")

    def _headers(self, here: Any, start: Any) -> list[tuple[bytes, bytes]]:
        from . import __version__

        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": f"qwen-ocr-loader/{__version__}"}
        if (here.scheme, here.netloc) == (start.scheme, start.netloc):
            headers |= _basic(here) | dict(self.headers)
        headers["Host"] = here.netloc.decode("ascii")
        return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]

    def _received(self, response: httpcore.Response, url: Any) -> Downloaded:
        if response.status != 200:
            raise DownloadFailed(f"the server answered {response.status}; {_advice(response.status)}.")
        if _header(response, b"content-encoding") not in ("", "identity"):
            raise DownloadFailed(f"the server sent it compressed though asked not to; {_DO_IT_YOURSELF[3:]}.")
        length = _header(response, b"content-length")
        if length.isdigit() and int(length) > self.max_bytes:
            raise self._too_large(f"{int(length):,} bytes")
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > self.max_bytes:
                raise self._too_large("more")
        return Downloaded(bytes(body), _file_name(_header(response, b"content-disposition"), url.path))

    def _too_large(self, size: str) -> SourceTooLarge:
        return SourceTooLarge(f"{size} where {self.max_bytes:,} are allowed; raise it with Download(max_bytes=...).")


def without_secrets(url: str) -> str:
    """The URL as it may be shown and stored: no user and password, no fragment, no signatures or keys in the query."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    place, _, _ = rest.partition("#")
    place, question, query = place.partition("?")
    host, slash, path = place.partition("/")
    kept = [part for part in query.split("&") if part and not re.match(_SENSITIVE, part.partition("=")[0])]
    query = question + "&".join(kept) if kept else ""
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}{query}"


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet; IPv6 that carries an IPv4 address is judged by that."""
    from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        nat64 = IPv4Address(int(ip) & 0xFFFFFFFF) if ip in ip_network("64:ff9b::/96") else None
        teredo = ip.teredo[1] if ip.teredo else None
        inner = ip.ipv4_mapped or ip.sixtofour or teredo or nat64
        if inner is not None:
            return is_public(str(inner))
        if int(ip) < 1 << 32:  # ::a.b.c.d, long deprecated, still connected by some systems
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _resolve(host: str, port: int, allow_private: bool) -> list[str]:
    """Every address of a host, all of them public unless allowed: one bad address condemns the name."""
    import socket

    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DownloadFailed(f"there is no host {host!r} ({error}); check the URL.") from error
    addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
    private = [address for address in addresses if not is_public(address)]
    if private and not allow_private:
        raise DownloadFailed(
            f"{host} is {private[0]}, not an address of the public Internet; if you trust the URL, "
            "pass Download(allow_private=True)."
        )
    return addresses


class _Network:
    """httpcore's way to the network: connects to checked addresses only, and nothing goes on past the deadline."""

    def __init__(self, deadline: float, allow_private: bool) -> None:
        self.deadline, self.allow_private = deadline, allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline stands for it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        import httpcore

        addresses = _resolve(host, port, self.allow_private)
        for left in range(len(addresses), 0, -1):
            share = self.left() / left
            try:
                stream = httpcore.SyncBackend().connect_tcp(
                    addresses[-left], port, share, local_address, socket_options
                )
                return _Stream(stream, self)  # type: ignore[return-value]  # httpcore's own class is a bare interface
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise DownloadFailed(f"there is no host {host!r}; check the URL.")

    def left(self) -> float:
        """Seconds until the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def sleep(self, seconds: float) -> None:
        """Never called: nothing is retried here."""
        time.sleep(seconds)


class _Stream:
    """A connection whose every wait ends at the deadline, so that a trickle of bytes does not extend it."""

    def __init__(self, inner: httpcore.NetworkStream, network: _Network) -> None:
        self.inner, self.network = inner, network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self.inner.read(max_bytes, self.network.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self.inner.write(buffer, self.network.left())

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> _Stream:
        return _Stream(self.inner.start_tls(ssl_context, server_hostname, self.network.left()), self.network)

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)


def _parsed(url: str) -> Any:
    import httpx

    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise DownloadFailed(f"{without_secrets(url)} is not an http or https URL; give one, or a path.")
    return parsed


def _target(url: Any) -> httpcore.URL:
    import httpcore

    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _basic(url: Any) -> dict[str, str]:
    if not url.userinfo:
        return {}
    import base64

    pair = f"{url.username}:{url.password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _header(response: httpcore.Response, name: bytes) -> str:
    values: Iterator[bytes] = (value for key, value in response.headers if key.lower() == name)
    raw = next(values, b"")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _file_name(disposition: str, path: str) -> str:
    """The last part of the server's name for it, else of the URL's path: never a folder."""
    from email.message import Message

    message = Message()
    message["content-disposition"] = disposition.replace("\r", "").replace("\n", "")
    name = message.get_filename() if disposition else None
    return re.split(r"[/\\]", name or path)[-1]


def _advice(status: int) -> str:
    if status in (401, 403, 407):
        return "it wants you to log in: pass Download(headers={'Authorization': ...})"
    if status in (404, 410):
        return "there is nothing at this URL: check it"
    return f"try again later, {_DO_IT_YOURSELF}"


_LATE = "not downloaded within {:g} s; give it longer with Download(timeout=...), " + _DO_IT_YOURSELF + "."
