"""The way of a local file to an ``oss://`` URL: a certificate from DashScope, then a form to the object store.

Sources: the official SDK's captured requests (dashscope 2.0.2), Alibaba Model Studio, "upload local files for temporary
URLs"; the store's own errors are XML (Alibaba Cloud OSS, PostObject).
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from dashscope_faults import compact, refuse_parameter

if TYPE_CHECKING:
    from http_server import Exchange, Request

POLICY = "/api/v1/uploads"
STORE = "/oss"
FIELDS = [
    "OSSAccessKeyId",
    "Signature",
    "policy",
    "key",
    "x-oss-object-acl",
    "x-oss-forbid-overwrite",
    "success_action_status",
    "x-oss-content-type",  # may be left out, as in the vendor's own sample
    "file",
]
ACCESS_KEY = "LTAI-test"
REQUEST_ID = "5F0A9C3D"


class Certificate(NamedTuple):
    """A permission to upload below ``folder`` until ``expires`` (``time.monotonic()``)."""

    policy: str
    signature: str
    folder: str
    expires: float


class StoreRefusal(Exception):
    """An error reply of the object store."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        said = {"Code": code, "Message": escape(message), "RequestId": REQUEST_ID, "HostId": "127.0.0.1"}
        inner = "".join(f"  <{name}>{value}</{name}>\n" for name, value in said.items())
        self.body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n{inner}</Error>\n'


@dataclass(frozen=True, slots=True)
class StoreFault:
    """A scenario: the object store fails with one of its own errors."""

    status: int
    code: str
    message: str = "no reason"
    retry_after: str | None = None

    async def play(self, exchange: Exchange, asked: object) -> None:
        waiting = {"Retry-After": self.retry_after} if self.retry_after else {}
        body = StoreRefusal(self.status, self.code, self.message).body
        await exchange.send(self.status, body, {"Content-Type": "application/xml", **waiting})


@dataclass
class Uploads:
    """Certificates given out, and files that came in.

    Attributes:
        lifetime: Of a certificate, in seconds.
        max_size: Of a file, in bytes.
        latency: Seconds a certificate takes.
        answers_lost: Files still to be stored without a word: the connection closes.
        stored: Files by ``oss://`` URL.
    """

    lifetime: float = 300
    max_size: int = 100 << 20
    latency: float = 0.0
    answers_lost: int = 0
    stored: dict[str, bytes] = field(default_factory=dict)
    certificates: list[Certificate] = field(default_factory=list)

    def expire(self) -> None:
        """Let all certificates given out so far be expired."""
        self.certificates[:] = [certificate._replace(expires=0.0) for certificate in self.certificates]

    async def certify(self, exchange: Exchange, url: str, models: object) -> None:
        """Answer a request for a certificate; the caller has checked its key."""
        query = exchange.request.query
        if set(query) != {"action", "model"} or query["action"] != "getPolicy" or query["model"] not in models:  # type: ignore[operator]
            raise refuse_parameter(f"want action=getPolicy and a known model, got {query}")
        if exchange.request.body:
            raise refuse_parameter("a GET has no body")
        await asyncio.sleep(self.latency)
        number = len(self.certificates) + 1
        policy = base64.b64encode(json.dumps({"conditions": [], "number": number}).encode()).decode()
        folder = f"dashscope-instant/test/2026-01-16/{number:08x}"
        self.certificates.append(Certificate(policy, f"sign{number}=", folder, time.monotonic() + self.lifetime))
        body = {"request_id": exchange.notes["request_id"], "data": self._data(self.certificates[-1], url)}
        await exchange.send(200, compact(body), {"Content-Type": "application/json"})

    def _data(self, certificate: Certificate, url: str) -> dict[str, object]:
        return {
            "policy": certificate.policy,
            "signature": certificate.signature,
            "upload_dir": certificate.folder,
            "upload_host": url + STORE,
            "expire_in_seconds": int(self.lifetime),
            "max_file_size_mb": self.max_size >> 20,
            "capacity_limit_mb": 999999999,
            "oss_access_key_id": ACCESS_KEY,
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        }

    async def receive(self, exchange: Exchange) -> None:
        """Answer a form with a file."""
        try:
            key, data = self._accept(exchange.request)
        except StoreRefusal as refused:
            return await exchange.send(refused.status, refused.body, {"Content-Type": "application/xml"})
        self.stored[f"oss://{key}"] = data
        if self.answers_lost:
            self.answers_lost -= 1
            return exchange.cut()
        return await exchange.send(200, b"", {"Content-Type": "application/xml"})

    def _accept(self, request: Request) -> tuple[str, bytes]:
        if strange := {name for name in request.headers if name == "authorization" or "dashscope" in name}:
            raise StoreRefusal(
                400, "InvalidArgument", f"What is DashScope's is none of the store's business: {strange}"
            )
        fields = read_form(request)
        names = list(fields)
        if names not in (FIELDS, [name for name in FIELDS if name != "x-oss-content-type"]):
            raise StoreRefusal(400, "InvalidArgument", f"The form has {names}; want {FIELDS}")
        key, data = fields["key"].decode(), fields.pop("file")
        given = {name: value.decode() for name, value in fields.items()}
        self._check_certificate(given, key)
        if f"oss://{key}" in self.stored:
            raise StoreRefusal(
                409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten."
            )
        if len(data) > self.max_size:
            raise StoreRefusal(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
        return key, data

    def _check_certificate(self, given: dict[str, str], key: str) -> None:
        certificate = next((c for c in self.certificates if c.policy == given["policy"]), None)
        if not certificate or (given["Signature"], given["OSSAccessKeyId"]) != (certificate.signature, ACCESS_KEY):
            raise StoreRefusal(
                403, "SignatureDoesNotMatch", "The request signature we calculated does not match yours."
            )
        if time.monotonic() > certificate.expires:
            raise StoreRefusal(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        if not re.fullmatch(re.escape(certificate.folder) + r"/[^/]+", key):
            raise StoreRefusal(403, "AccessDenied", "Invalid according to Policy: Policy Condition failed: key")
        fixed = {"x-oss-object-acl": "private", "x-oss-forbid-overwrite": "true", "success_action_status": "200"}
        if any(given[name] != value for name, value in fixed.items()):
            raise StoreRefusal(403, "AccessDenied", f"Invalid according to Policy: want {fixed}")


def read_form(request: Request) -> dict[str, bytes]:
    """The fields of a multipart form in their order; only ``file`` has a file name."""
    match = re.fullmatch(r'multipart/form-data; boundary="?([^"]+)"?', request.headers.get("content-type", ""))
    if not match:
        raise StoreRefusal(412, "PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data.")
    first, *parts, last = (b"\r\n" + request.body).split(b"\r\n--" + match[1].encode())
    if first or last.strip() != b"--":
        raise StoreRefusal(400, "MalformedPOSTRequest", "The body of your POST request is not well-formed.")
    fields = {}
    for part in parts:
        head, _, data = part.partition(b"\r\n\r\n")
        name = re.search(r'form-data; name="([^"]+)"(; filename=".*)?', head.decode(), re.IGNORECASE)
        if not name or bool(name[2]) != (name[1] == "file"):
            raise StoreRefusal(400, "MalformedPOSTRequest", f"A part begins with {head!r}")
        fields[name[1]] = data
    return fields
