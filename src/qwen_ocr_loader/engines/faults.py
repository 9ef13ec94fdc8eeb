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
_PARAMETER = "correct the parameter it names"
_PICTURE = "send the picture in another format or size, or read it with engine='local'"
_SMALLER = "send a smaller image: lower dpi or max_pixels"
_ADDRESS = "check that the service can reach the address"

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
        ("InvalidParameter", "invalid_parameter_error", "BadRequest", "UnsupportedOperation"),
        (RequestRejected, _PARAMETER),
    ),
    **dict.fromkeys(
        ("InvalidImage", "InvalidImageFormat", "InvalidImageResolution", "BadRequest.UnsupportedFileFormat"),
        (RequestRejected, _PICTURE),
    ),
    **dict.fromkeys(("InvalidURL", "BadRequest.InputDownloadFailed"), (RequestRejected, _ADDRESS)),
    "BadRequest.TooLarge": (RequestRejected, _SMALLER),
    "InvalidParameter.DataInspection": (ServiceFailed, _LATER),  # their inspection could not fetch the picture
}
_FRONT_END = "InternalError.Algo."  # stands before other codes, and means nothing there
_FREE_QUOTA = "free allocated quota exceeded"  # a 429 that waiting does not cure
_THEIR_DOWNLOAD = re.compile(  # an InvalidParameter that another try may cure
    r"download[^;]*(timed out|timeout|failed)|(failed|unable|could not)[^;.]*download", re.IGNORECASE
)
_MOST_TOKENS = re.compile(r"range of max_tokens should be \[\s*\d+\s*,\s*(\d+)\s*\]", re.IGNORECASE)


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
        once_more = _may_be_the_request(complaint.code)
        return kind(message, retry_after=retry_after, attempts=2 if once_more else None, **about)
    if issubclass(kind, RateLimited):
        return kind(message, retry_after=retry_after, **about)
    return kind(message, **about)


def allowed_max_tokens(refusal: EngineError | str) -> int | None:
    """The most that ``max_tokens`` may be, where a refusal says so: ``Range of max_tokens should be [1, 8192]``.

    Seen 2026-08 with code ``InvalidParameter`` and ``<400> InternalError.Algo.InvalidParameter: `` in front. The limit
    of an account may differ from the one the model's page names.

    Args:
        refusal: An error as ``fault`` makes it, or the service's message.
    """
    message = refusal if isinstance(refusal, str) else refusal.message
    found = _MOST_TOKENS.search(message)
    return (int(found[1]) or None) if found else None


def _kind(status: int, complaint: Complaint) -> tuple[type[EngineError], str]:
    code, said = complaint.code, complaint.message.lower()
    if code.isdecimal() and status == 200:  # self-hosted servers put the status there, within a stream
        status = int(code)
    kind, advice = _known(code) or _by_status(status)
    if kind is RateLimited and _FREE_QUOTA in said:
        return AccountProblem, _QUOTA
    if _may_be_the_request(code) and _THEIR_DOWNLOAD.search(said):
        return ServiceFailed, _LATER
    return kind, advice


def _known(code: str) -> tuple[type[EngineError], str] | None:
    """What the code means, or, of one that is not listed, the family it belongs to: ``InvalidImage.ImageSize``."""
    if code not in _CODES and code.startswith(_FRONT_END):
        return _known(code.removeprefix(_FRONT_END)) or _CODES["InternalError.Algo"]
    while code and code not in _CODES:
        code = code.rpartition(".")[0]
    return _CODES.get(code)


def _may_be_the_request(code: str) -> bool:
    """Whether the code stands for a bad request as well as for a download that failed on their side."""
    return code == "invalid_parameter_error" or code.partition(".")[0] == "InvalidParameter"


_STATUSES: Mapping[int, tuple[type[EngineError], str]] = {
    401: (KeyRejected, _CHECK_KEY),
    402: (AccountProblem, _RIGHTS),
    403: (AccountProblem, _RIGHTS),
    404: (RequestRejected, _MODEL),
    413: (RequestRejected, _SMALLER),
    429: (RateLimited, _SLOWER),
    **dict.fromkeys((200, 408, 409), (ServiceFailed, _LATER)),
}


def _by_status(status: int) -> tuple[type[EngineError], str]:
    if 300 <= status < 400:  # not followed: the key and the page would go where nobody sent them
        return RequestRejected, "the service sends callers elsewhere; check base_url="
    other = (ServiceFailed, _LATER) if status >= 500 else (RequestRejected, "correct the request")
    return _STATUSES.get(status, other)


def complaint(body: bytes) -> Complaint | None:
    """What an answer complains of, whatever its content type says; None where it is no complaint.

    Knows the native shape, the compatible one, an error framed as an event stream, and plain text or HTML from a
    balancer in front of the service.
    """
    text = body.decode("utf-8", "replace").strip()
    said = _json_object(text)
    said = _json_object(_data_line(text)) if said is None else said
    if said is None:
        return Complaint("", text[:200] or "an empty answer")
    error = said.get("error")
    inner = error if isinstance(error, dict) else said
    code, message = (
        inner.get("code") or inner.get("type"),
        inner.get("message") or (error if isinstance(error, str) else said.get("detail") or ""),
    )
    if not (code or message) or said.get("output") or said.get("choices"):
        return None
    request_id = said.get("request_id") or said.get("id")
    return Complaint(str(code or ""), str(message or ""), str(request_id) if request_id else None)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _data_line(text: str) -> str:
    return next((line[5:].strip() for line in text.splitlines() if line.startswith("data:")), "")
