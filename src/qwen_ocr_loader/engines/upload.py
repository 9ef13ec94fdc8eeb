"""Pictures too large for a request go to the service's own storage first: a policy, a form post, an ``oss://`` address.

Source: Alibaba Model Studio, "Upload a local file for a temporary URL" (2025-10 to 2026-10), and the requests of its
Python SDK 2.0.2. The address lives 48 hours and belongs to the account and the model; a policy serves for any number of
files until it expires (about 300 s).
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from ..errors import ServiceFailed
from .faults import Complaint, complaint, fault
from .http import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .http import Flow, Reply

EARLY = 30.0  # seconds before its end that a policy is no longer used: the upload takes time too


_NEEDED = {
    *("policy", "signature", "upload_dir", "upload_host"),
    *("oss_access_key_id", "x_oss_object_acl", "x_oss_forbid_overwrite"),
}


class Policy(NamedTuple):
    """Leave to store files, good until ``expires`` on the monotonic clock."""

    fields: Mapping[str, Any]
    expires: float


class Policies:
    """The policies at hand, by account and model; shared by threads, empty after pickling."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Policy] = {}

    def __reduce__(self) -> tuple[type[Policies], tuple[()]]:
        return Policies, ()

    def current(self, account: str, model: str) -> Policy | None:
        """The policy still good for a while, if there is one."""
        with self._lock:
            policy = self._known.get((account, model))
        return policy if policy and policy.expires - EARLY > self._clock() else None

    def keep(self, account: str, model: str, fields: Mapping[str, Any]) -> Policy:
        """Remember a policy as it came from the service."""
        policy = Policy(fields, self._clock() + float(fields.get("expire_in_seconds") or 0))
        with self._lock:
            self._known[account, model] = policy
        return policy

    def drop(self, account: str, model: str) -> None:
        """Forget a policy the storage no longer accepts."""
        with self._lock:
            self._known.pop((account, model), None)


class Storage(NamedTuple):
    """Where and for whom files are stored.

    Attributes:
        base_url: Of the native API, for example ``https://dashscope.aliyuncs.com/api/v1``.
        headers: Of an authorised call.
        account: Tells accounts apart without holding the key.
        model: The addresses are good for this model only.
        policies: Shared by the calls of an engine.
        timeout: Seconds.
    """

    base_url: str
    headers: Mapping[str, str]
    account: str
    model: str
    policies: Policies
    timeout: float

    def store(self, data: bytes, mime: str) -> Flow[str]:
        """Upload a picture; returns its ``oss://`` address.

        Raises:
            EngineError: The service gives no policy, or its storage refuses the file.
        """
        policy = self.policies.current(self.account, self.model)
        if policy is None:
            policy = self.policies.keep(self.account, self.model, (yield from self._ask_policy()))
        # Two files of one name collide under one policy (x_oss_forbid_overwrite), so no two get the same.
        key = f"{policy.fields['upload_dir']}/{uuid.uuid4().hex}.{mime.partition('/')[2]}"
        reply = yield _form_post(policy.fields, key, data, mime, self.timeout)
        if reply is None or reply.status != 200:
            self.policies.drop(self.account, self.model)
            raise _refused(reply)
        return f"oss://{key}"

    def _ask_policy(self) -> Flow[Mapping[str, Any]]:
        query = urlencode({"action": "getPolicy", "model": self.model})
        headers = {**self.headers, "Accept": "application/json"}
        reply = yield Call("GET", f"{self.base_url}/uploads?{query}", headers, timeout=self.timeout)
        assert reply is not None
        try:
            fields = json.loads(reply.body)["data"]
        except (ValueError, KeyError, TypeError):
            fields = None
        if reply.status != 200 or not isinstance(fields, dict) or _NEEDED - set(fields):
            raise fault(reply.status, complaint(reply.body) or Complaint("", "no upload policy"))
        return fields


def _form_post(policy: Mapping[str, Any], key: str, data: bytes, mime: str, timeout: float) -> Call:
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
    boundary = uuid.uuid4().hex
    part = '--{}\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = b"".join(f"{part.format(boundary, name, '')}{value}\r\n".encode() for name, value in fields.items())
    file_name = key.rpartition("/")[2]
    body += part.format(boundary, "file", f'; filename="{file_name}"').encode() + data
    body += f"\r\n--{boundary}--\r\n".encode()
    headers = {"Accept": "application/json", "Content-Type": f"multipart/form-data; boundary={boundary}"}
    return Call("POST", str(policy["upload_host"]), headers, body, timeout)


def _refused(reply: Reply | None) -> Exception:
    if reply is None:
        return ServiceFailed("the upload got no answer")
    text = reply.body.decode("utf-8", "replace")
    if reply.status == 403 and "expired" in text.lower():
        return ServiceFailed("the upload policy had expired; a new one is fetched", status=403)
    return fault(reply.status, Complaint("", f"the storage refused the picture: {text[:200]}"))
