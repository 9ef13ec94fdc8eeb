"""What a service says went wrong, as one of our errors: decided by its code first, then by the HTTP status.

Codes: Alibaba Model Studio, "Error codes" (pages of 2025-11 to 2026-10), native and compatible-mode spellings. A 429
for an unpaid bill must not be tried again, and a 400 for a download that timed out on their side may be: the status
alone is not enough.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import AccountProblem, EngineError, KeyRejected, RateLimited, RequestRejected, ServiceFailed

if TYPE_CHECKING:
    from collections.abc import Mapping


class Complaint(NamedTuple):
    """A service's own words: ``code`` is ``""`` where it gave none."""

    code: str
    message: str
    request_id: str | None = None


_CHECK_KEY = "check the key, and that it is of the same region as the base URL (keys are per region)"
_PAY = "settle the account's bill, then run it again: pages already cached are not paid twice"
_QUOTA = "switch off 'use free quota only' or buy the model in the console"
_RIGHTS = "give the key's workspace the right to use this model in the console"
_MODEL = "check the model's name and that it is served in this region"
_SLOWER = "lower concurrency"
_LATER = "try again later"

_CODES: Mapping[str, tuple[type[EngineError], str]] = {
    **dict.fromkeys(
        ("InvalidApiKey", "invalid_api_key", "NOT AUTHORIZED", "WorkSpaceNotFound"), (KeyRejected, _CHECK_KEY)
    ),
    **dict.fromkeys(
        ("Arrearage", "CommodityNotPurchased", "PrepaidBillOverdue", "PostpaidBillOverdue"), (AccountProblem, _PAY)
    ),
    **dict.fromkeys(("AllocationQuota.FreeTierOnly", "AccessDenied.Unpurchased"), (AccountProblem, _QUOTA)),
    **dict.fromkeys(
        ("AccessDenied", "Model.AccessDenied", "Workspace.AccessDenied", "App.AccessDenied", "access_denied"),
        (AccountProblem, _RIGHTS),
    ),
    **dict.fromkeys(
        ("ModelNotFound", "model_not_found", "model_not_supported", "Model.NotExist", "NotFound"),
        (RequestRejected, _MODEL),
    ),
    **dict.fromkeys(
        (
            *("Throttling", "Throttling.RateQuota", "Throttling.BurstRate", "Throttling.AllocationQuota"),
            *("LimitRequests", "limit_requests", "limit_burst_rate", "insufficient_quota"),
        ),
        (RateLimited, _SLOWER),
    ),
    **dict.fromkeys(
        (
            *("InternalError", "InternalError.Algo", "InternalError.Timeout", "SystemError", "ModelServiceFailed"),
            *("ModelServingError", "ModelUnavailable", "ServiceUnavailable", "GatewayTimeout", "RequestTimeOut"),
            *("InvalidURL.Timeout", "internal_error", "service_unavailable"),
        ),
        (ServiceFailed, _LATER),
    ),
    **dict.fromkeys(
        ("DataInspectionFailed", "data_inspection_failed"),
        (RequestRejected, "the service's moderation refuses the page; read it with engine='local'"),
    ),
    **dict.fromkeys(
        ("InvalidParameter", "invalid_parameter_error"), (RequestRejected, "correct the parameter it names")
    ),
    "BadRequest.TooLarge": (RequestRejected, "send a smaller image: lower dpi or max_pixels"),
}
_INSPECTION = "InvalidParameter.DataInspection"  # their inspection could not fetch the picture
_FREE_QUOTA = "free allocated quota exceeded"  # a 429 that waiting does not cure
_THEIR_DOWNLOAD = re.compile(  # an InvalidParameter that another try may cure
    r"download[^;]*(timed out|timeout|failed)|(failed|unable|could not)[^;.]*download", re.IGNORECASE
)


def fault(status: int, complaint: Complaint, *, retry_after: float | None = None) -> EngineError:
    """The error for a refused or failed call.

    Args:
        status: The HTTP status, or the one an in-stream error carries.
        complaint: What the service said.
        retry_after: Seconds it asked to wait, where it did.
    """
    kind, advice = _kind(status, complaint)
    message = f"{complaint.message or 'no message'} ({complaint.code or f'HTTP {status}'}); {advice}"
    about: dict[str, Any] = {
        "code": complaint.code or None,
        "status": status,
        "request_id": complaint.request_id,
    }
    if issubclass(kind, ServiceFailed):
        once_more = complaint.code.startswith("InvalidParameter")
        return kind(message, retry_after=retry_after, attempts=2 if once_more else None, **about)
    if issubclass(kind, RateLimited):
        return kind(message, retry_after=retry_after, **about)
    return kind(message, **about)


def _kind(status: int, complaint: Complaint) -> tuple[type[EngineError], str]:
    said = complaint.message.lower()
    known = _CODES.get(complaint.code)
    if complaint.code == _INSPECTION:
        return ServiceFailed, _LATER
    if known is None:
        return _by_status(status)
    if known[0] is RateLimited and _FREE_QUOTA in said:
        return AccountProblem, _QUOTA
    if known[0] is RequestRejected and _THEIR_DOWNLOAD.search(said):
        return ServiceFailed, _LATER
    return known


def _by_status(status: int) -> tuple[type[EngineError], str]:
    match status:
        case 401:
            return KeyRejected, _CHECK_KEY
        case 402 | 403:
            return AccountProblem, _RIGHTS
        case 404:
            return RequestRejected, _MODEL
        case 429:
            return RateLimited, _SLOWER
        case _ if status in (200, 408, 409) or status >= 500:
            return ServiceFailed, _LATER
    return RequestRejected, "correct the request"


def complaint(body: bytes) -> Complaint | None:
    """What an answer complains of, whatever its content type says; None where it is no complaint.

    Knows the native shape, the compatible one, an error framed as an event stream, and plain text or HTML from a
    balancer in front of the service.
    """
    text = body.decode("utf-8", "replace").strip()
    said = _json_object(text) or _json_object(_data_line(text))
    if said is None:
        return Complaint("", text[:200] or "an empty answer")
    error = said.get("error")
    inner = error if isinstance(error, dict) else said
    code, message = (
        inner.get("code") or inner.get("type"),
        inner.get("message") or (error if isinstance(error, str) else ""),
    )
    if not (code or message) or said.get("output") or said.get("choices"):
        return None
    return Complaint(str(code or ""), str(message or ""), said.get("request_id") or said.get("id"))


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _data_line(text: str) -> str:
    return next((line[5:].strip() for line in text.splitlines() if line.startswith("data:")), "")
