"""Pictures too large for a request go to the service's own storage first: a policy, a form post, an ``oss://`` address.

Sources: Alibaba Model Studio, "Upload local files to get temporary URLs" (2025-10 to 2026-10); the requests of its
Python SDK 2.0.2; Alibaba Cloud OSS, "PostObject" and "Error responses" (2025-12). An address lives 48 hours and belongs
to an account and a model; a policy serves for any number of files until it expires (about 300 s).
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import time
import uuid
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ..errors import EngineError, RateLimited, RequestRejected, ServiceFailed
from ..forking import Lock
from ..pace import retry_after
from .faults import Complaint, complaint, fault
from .flows import Call, Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from .flows import Flow, Reply


Owner = tuple[str, str]  # account and model: policies and addresses are good for one such pair only

# Regions with a storage: Beijing alone in the page of 2026-02-04, Singapore too in that of 2026-10-23.
UPLOAD_REGIONS = frozenset({"beijing", "singapore"})

EARLY = 30.0  # seconds before its end that a policy is no longer used, at most half its life: the upload takes time
KEPT = 46 * 3600.0  # seconds an address is used again; it lives 48 hours, and the model has yet to fetch the picture
MOST_KEPT = 4096  # addresses, the oldest of which are forgotten first
TURN = 0.05  # seconds between two looks at a policy that somebody else is fetching

_SMALLER = "send a smaller image: lower dpi or max_pixels"
_NEEDED = {
    *("policy", "signature", "upload_dir", "upload_host"),
    *("oss_access_key_id", "x_oss_object_acl", "x_oss_forbid_overwrite"),
}
_ELEMENTS = re.compile(r"<(Code|Message|RequestId)>([^<]*)</")


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """Leave to store files.

    Attributes:
        fields: As the service gave them; its signature is in no repr.
        until: Seconds on the clock of the ``Uploads`` it is kept in, from which on it is no longer used.
        largest: Bytes of a file it allows.
    """

    fields: Mapping[str, Any] = field(repr=False)
    until: float
    largest: float


@dataclass(slots=True, eq=False)
class Fetch:
    """A policy being fetched, for all who wait for it.

    Attributes:
        patience: Seconds after which it counts as abandoned.
        until: When that is.
        ended: The one who fetched is through, or was cancelled.
        error: What the others are told, too.
    """

    patience: float
    until: float = 0.0
    ended: bool = False
    error: EngineError | None = None


class Uploads:
    """What the calls of an engine share: policies, who fetches one, and the addresses of pictures already stored.

    Any number of threads and event loops may use it. It is empty after pickling and in a forked child, where a fetch
    could stay under way by a thread that is not there.

    Args:
        clock: Seconds. Not a monotonic one, which stands still while a laptop sleeps, and addresses do not.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._lock = Lock()
        self._policies: dict[Owner, Policy] = {}
        self._fetches: dict[Owner, Fetch] = {}
        self._stored: dict[tuple[Owner, bytes], tuple[str, float]] = {}

    def _alone(self) -> Lock:
        if self._process != os.getpid():
            self._start()
        return self._lock

    def __reduce__(self) -> tuple[type[Uploads], tuple[()]]:
        return Uploads, ()

    def policy(self, owner: Owner, mine: Fetch) -> Policy | Fetch:
        """The policy still good for a while; else the fetch under way, which is ``mine`` where there was none."""
        with self._alone():
            now, policy, theirs = self._clock(), self._policies.get(owner), self._fetches.get(owner)
            if policy and policy.until > now:
                return policy
            if theirs and not theirs.ended and theirs.until > now:
                return theirs
            mine.until = now + mine.patience
            self._fetches[owner] = mine
            return mine

    def keep(self, owner: Owner, fields: Mapping[str, Any]) -> Policy:
        """Remember a policy as it came from the service.

        Raises:
            ValueError, TypeError: It has something else where numbers should be.
        """
        lifetime = float(fields.get("expire_in_seconds") or 0)
        largest = float(fields.get("max_file_size_mb") or "inf") * 2**20
        with self._alone():
            policy = Policy(fields, self._clock() + lifetime - min(EARLY, lifetime / 2), largest)
            self._policies[owner] = policy
        return policy

    def drop(self, owner: Owner, policy: Policy) -> None:
        """Forget a policy the storage no longer accepts, unless a newer one is there by now."""
        with self._alone():
            if self._policies.get(owner) is policy:
                del self._policies[owner]

    def address(self, owner: Owner, digest: bytes) -> str | None:
        """Where a picture, named by the SHA-256 of its bytes, is stored already."""
        with self._alone():
            address, ends = self._stored.get((owner, digest)) or ("", 0.0)
            return address if ends > self._clock() else None

    def remember(self, owner: Owner, digest: bytes, address: str) -> None:
        """Remember where a picture was stored just now."""
        with self._alone():
            self._stored.pop((owner, digest), None)
            self._stored[owner, digest] = address, self._clock() + KEPT
            while len(self._stored) > MOST_KEPT:
                del self._stored[next(iter(self._stored))]

    def forget(self, addresses: Collection[str]) -> None:
        """Do not give these out again: the model could not read what is there."""
        with self._alone():
            for known in [known for known, (address, _) in self._stored.items() if address in addresses]:
                del self._stored[known]


@dataclass(frozen=True, slots=True)
class Storage:
    """Where and for whom files are stored.

    Attributes:
        base_url: Of the native API, for example ``https://dashscope.aliyuncs.com/api/v1``.
        headers: Of an authorised call; they hold the key and are in no repr.
        account: Tells accounts apart without holding the key.
        model: The addresses are good for this model only.
        uploads: Shared by the calls of an engine.
        timeout: Seconds.
    """

    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    account: str
    model: str
    uploads: Uploads
    timeout: float

    @property
    def owner(self) -> Owner:
        """Whom policies and addresses are good for."""
        return self.account, self.model

    def store(self, data: bytes, mime: str) -> Flow[str]:
        """Upload a picture, unless it is there from an earlier call; returns its ``oss://`` address.

        Raises:
            EngineError: The service gives no policy, or its storage refuses the file.
        """
        digest = hashlib.sha256(data).digest()
        if known := self.uploads.address(self.owner, digest):
            return known
        try:
            address = yield from self._post((yield from self._policy()), data, mime)
        except _Expired:
            address = yield from self._post((yield from self._policy()), data, mime)
        self.uploads.remember(self.owner, digest, address)
        return address

    def _post(self, policy: Policy, data: bytes, mime: str) -> Flow[str]:
        if len(data) > policy.largest:
            size = f"{len(data) / 2**20:.1f} MB, and the storage takes {policy.largest / 2**20:g} MB"
            raise RequestRejected(f"the picture has {size}; {_SMALLER}")
        # Two files of one name collide under one policy (x_oss_forbid_overwrite), so no two get the same.
        key = f"{policy.fields['upload_dir']}/{uuid.uuid4().hex}.{mime.partition('/')[2]}"
        reply = yield _form_post(policy.fields, key, data, mime, self._agent(), self.timeout)
        assert reply is not None
        said = _storage_complaint(reply)
        # With a name nobody else has, the file that is there already is ours: the first answer got lost on its way.
        if reply.status != 200 and said.code != "FileAlreadyExists":
            if reply.status == 403:
                self.uploads.drop(self.owner, policy)
            raise _refused(reply, said)
        return f"oss://{key}"

    def _agent(self) -> dict[str, str]:
        """The one header of an authorised call that is the storage's business, too."""
        return {name: value for name, value in self.headers.items() if name == "User-Agent"}

    def _policy(self) -> Flow[Policy]:
        """The policy at hand, or a new one; whoever comes while it is fetched waits, and shares what becomes of it."""
        while True:
            mine = Fetch(self.timeout)
            found = self.uploads.policy(self.owner, mine)
            if isinstance(found, Policy):
                return found
            if found is mine:
                return (yield from self._fetched(mine))
            yield Pause(TURN)
            if found.error:
                raise copy(found.error)

    def _fetched(self, mine: Fetch) -> Flow[Policy]:
        try:
            return (yield from self._ask_policy())
        except EngineError as error:
            mine.error = copy(error)  # the error itself is told later which page it befell
            raise
        finally:
            mine.ended = True  # where this flow was cancelled, the next of those who wait takes over

    def _ask_policy(self) -> Flow[Policy]:
        query = urlencode({"action": "getPolicy", "model": self.model})
        headers = {name: value for name, value in self.headers.items() if name != "Content-Type"}
        url = f"{self.base_url}/uploads?{query}"
        reply = yield Call("GET", url, headers, timeout=self.timeout, longest=self.timeout)
        assert reply is not None
        fields = _policy_fields(reply.body) if reply.status == 200 else None
        if fields is None:
            raise _no_policy(reply)
        try:
            return self.uploads.keep(self.owner, fields)
        except (TypeError, ValueError):
            raise _no_policy(reply) from None


class _Expired(ServiceFailed):
    """The storage says that the policy has expired."""


def _policy_fields(body: bytes) -> Mapping[str, Any] | None:
    try:
        fields = json.loads(body)["data"]
    except (ValueError, KeyError, TypeError):
        return None
    return fields if isinstance(fields, dict) and set(fields) >= _NEEDED else None


def _no_policy(reply: Reply) -> EngineError:
    said = complaint(reply.body) or Complaint("", "its answer is no policy")
    message, request_id = f"no leave to upload a large picture: {said.message}", reply.headers.get("x-request-id")
    said = Complaint(said.code, message, said.request_id or request_id)
    return fault(reply.status, said, retry_after=_asked_wait(reply))


def _asked_wait(reply: Reply) -> float | None:
    return retry_after(reply.headers.get("retry-after"), time.time())


def _form_post(
    policy: Mapping[str, Any], key: str, data: bytes, mime: str, headers: Mapping[str, str], timeout: float
) -> Call:
    """The form, its fields in the SDK's order, the file last; without the account's key."""
    fields = {
        "OSSAccessKeyId": policy["oss_access_key_id"],
        "Signature": policy["signature"],
        "policy": policy["policy"],
        "key": key,
        "x-oss-object-acl": policy["x_oss_object_acl"],
        "x-oss-forbid-overwrite": policy["x_oss_forbid_overwrite"],
        "success_action_status": "200",
        "x-oss-content-type": mime,
    }
    boundary, file_name = uuid.uuid4().hex, key.rpartition("/")[2]
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="{{}}"{{}}\r\n\r\n'
    said = "".join(f"{part.format(name, '')}{value}\r\n" for name, value in fields.items())
    said += part.format("file", f'; filename="{file_name}"')
    body = b"".join((said.encode(), data, f"\r\n--{boundary}--\r\n".encode()))
    sent = {**headers, "Accept": "application/json", "Content-Type": f"multipart/form-data; boundary={boundary}"}
    return Call("POST", str(policy["upload_host"]), sent, body, timeout)


def _storage_complaint(reply: Reply) -> Complaint:
    """What the storage says went wrong, in XML; a balancer in front of it may say anything."""
    text = reply.body.decode("utf-8", "replace")
    said = {name: html.unescape(value.strip()) for name, value in _ELEMENTS.findall(text)}
    request_id = said.get("RequestId") or reply.headers.get("x-oss-request-id")
    return Complaint(said.get("Code", ""), said.get("Message") or text.strip()[:200] or "no reason given", request_id)


def _refused(reply: Reply, said: Complaint) -> EngineError:
    """The error for a file the storage did not take.

    It knows nothing of the account's key and rights, the service has signed the form: what it complains of is never
    cured by them, and often by a new policy.
    """
    status, wait = reply.status, _asked_wait(reply)
    what = f"the storage for large pictures refused one: {said.message} ({said.code or f'HTTP {status}'})"
    about: dict[str, Any] = {"code": said.code or None, "status": status, "request_id": said.request_id}
    if status == 403 and "expired" in f"{said.code} {said.message}".lower():
        return _Expired(f"{what}; try again later", retry_after=wait, **about)
    if status == 429:
        return RateLimited(f"{what}; lower concurrency", retry_after=wait, **about)
    if status >= 500 or status == 408 or said.code == "RequestTimeout":
        return ServiceFailed(f"{what}; try again later", retry_after=wait, **about)
    if status in (403, 404):
        return ServiceFailed(f"{what}; it is not about your key; if it stays so, {_SMALLER}", attempts=2, **about)
    return RequestRejected(f"{what}; {_SMALLER}, which needs no storage", **about)
