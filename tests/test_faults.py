"""What services say went wrong becomes the right error: by code, then by status, in whatever shape."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader.engines.faults import Complaint, allowed_max_tokens, complaint, fault
from qwen_ocr_loader.errors import (
    AccountProblem,
    EngineError,
    KeyRejected,
    RateLimited,
    RequestRejected,
    ServiceFailed,
)

ALGO = "<400> InternalError.Algo.InvalidParameter: "
# Status, native code, compatible code (None where none is documented), class. Alibaba Model Studio, "Error codes",
# pages of 2025-11 to 2026-10.
TABLE = [
    (400, "InvalidParameter", "invalid_parameter_error", RequestRejected),
    (400, "InvalidParameter.DataInspection", None, ServiceFailed),
    (400, "DataInspectionFailed", "data_inspection_failed", RequestRejected),
    (400, "InvalidURL", None, RequestRejected),
    (400, "InvalidURL.ConnectionRefused", None, RequestRejected),
    (400, "InvalidURL.Timeout", None, ServiceFailed),
    (400, "BadRequest.InputDownloadFailed", None, RequestRejected),
    (400, "InvalidImage.ImageSize", None, RequestRejected),
    (400, "InvalidImage.FileFormat", None, RequestRejected),
    (400, "InvalidImageFormat", None, RequestRejected),
    (400, "InvalidImageResolution", None, RequestRejected),
    (400, "BadRequest.UnsupportedFileFormat", None, RequestRejected),
    (400, "BadRequest.EmptyInput", None, RequestRejected),
    (400, "BadRequest.EmptyParameters", None, RequestRejected),
    (400, "BadRequest.EmptyModel", None, RequestRejected),
    (400, "BadRequest.IllegalInput", None, RequestRejected),
    (400, "UnsupportedOperation", None, RequestRejected),
    (400, "BadRequest.TooLarge", None, RequestRejected),
    (413, "BadRequest.TooLarge", None, RequestRejected),
    (400, "Arrearage", None, AccountProblem),
    (401, "InvalidApiKey", "invalid_api_key", KeyRejected),
    (401, "NOT AUTHORIZED", None, KeyRejected),
    (403, "AccessDenied", "access_denied", AccountProblem),
    (403, "AccessDenied.Unpurchased", None, AccountProblem),
    (403, "Model.AccessDenied", None, AccountProblem),
    (403, "Workspace.AccessDenied", None, AccountProblem),
    (403, "App.AccessDenied", None, AccountProblem),
    (403, "AllocationQuota.FreeTierOnly", None, AccountProblem),
    (404, "ModelNotFound", "model_not_found", RequestRejected),
    (404, "Model.NotExist", "model_not_supported", RequestRejected),
    (404, "WorkSpaceNotFound", None, KeyRejected),
    (404, "NotFound", None, RequestRejected),
    (408, "RequestTimeOut", None, ServiceFailed),
    (500, "RequestTimeOut", None, ServiceFailed),
    (429, "Throttling", None, RateLimited),
    (429, "Throttling.RateQuota", "limit_requests", RateLimited),
    (429, "LimitRequests", "limit_requests", RateLimited),
    (429, "Throttling.BurstRate", "limit_burst_rate", RateLimited),
    (429, "Throttling.AllocationQuota", "insufficient_quota", RateLimited),
    (429, "CommodityNotPurchased", None, AccountProblem),
    (429, "PrepaidBillOverdue", None, AccountProblem),
    (429, "PostpaidBillOverdue", None, AccountProblem),
    (500, "InternalError", "internal_error", ServiceFailed),
    (500, "InternalError.Algo", None, ServiceFailed),
    (500, "InternalError.Timeout", None, ServiceFailed),
    (500, "SystemError", None, ServiceFailed),
    (500, "ModelServiceFailed", None, ServiceFailed),
    (500, "ModelServingError", None, ServiceFailed),
    (503, "ModelServingError", None, ServiceFailed),
    (503, "ModelUnavailable", None, ServiceFailed),
    (503, "ServiceUnavailable", "service_unavailable", ServiceFailed),
    (504, "GatewayTimeout", None, ServiceFailed),
]
ROWS = [(status, code, kind) for status, native, same, kind in TABLE for code in (native, same) if code]


def compatible(code: str, message: str = "m") -> bytes:
    return json.dumps({"error": {"message": message, "type": "x", "param": None, "code": code}, "id": "r"}).encode()


def native(code: str, message: str = "m") -> bytes:
    return json.dumps({"code": code, "message": message, "request_id": "r"}).encode()


def framed(code: str, message: str = "m") -> bytes:
    """An error as a stream has it, which the service has also been seen to label as JSON."""
    return b"id:1\nevent:error\n:HTTP_STATUS/400\ndata:" + native(code, message) + b"\n\n"


@pytest.mark.parametrize("shape", [native, compatible, framed])
@pytest.mark.parametrize(("status", "code", "kind"), ROWS)
def test_every_documented_code(status, code, kind, shape):
    error = fault(status, complaint(shape(code)), retry_after=3.0)
    assert type(error) is kind
    assert error.retryable is (kind in (RateLimited, ServiceFailed))
    assert (error.code, error.status, error.request_id) == (code, status, "r")
    assert getattr(error, "retry_after", 3.0) == 3.0
    assert error.message.startswith(f"m ({code}); ")


@pytest.mark.parametrize(("status", "code", "kind"), ROWS)
@pytest.mark.parametrize("other", [200, 400, 429, 500])
def test_the_code_decides_whatever_the_status(status, code, kind, other):
    assert type(fault(other, Complaint(code, "m"))) is kind


@pytest.mark.parametrize("status", [401, 402, 403, 404, 408, 409, 413, 418, 429, 500, 502, 503, 504, 520, 599])
def test_the_status_decides_where_there_is_no_code(status):
    expected = {401: KeyRejected, 402: AccountProblem, 403: AccountProblem, 408: ServiceFailed, 409: ServiceFailed}
    expected |= {404: RequestRejected, 413: RequestRejected, 418: RequestRejected, 429: RateLimited}
    for code in ("", "SomethingNew", "something_new"):
        error = fault(status, Complaint(code, "m"))
        assert type(error) is expected.get(status, ServiceFailed)
        assert error.code == (code or None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Throttling.SomethingNew", RateLimited),
        ("InternalError.SomethingNew", ServiceFailed),
        ("AccessDenied.Something.New", AccountProblem),
        ("InvalidImage.SomethingNew", RequestRejected),
        ("InternalError.Algo.InvalidParameter", RequestRejected),
        ("InternalError.Algo.DataInspectionFailed", RequestRejected),
        ("InternalError.Algo.SomethingNew", ServiceFailed),
    ],
)
def test_a_code_nobody_listed_is_as_its_family(code, kind):
    assert type(fault(400, Complaint(code, "m"))) is kind


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_wrong_address(status):
    error = fault(status, Complaint("", "Moved"))
    assert type(error) is RequestRejected
    assert "check base_url=" in str(error)


@pytest.mark.parametrize("code", ["InvalidParameter", "invalid_parameter_error"])
@pytest.mark.parametrize(
    ("message", "attempts"),
    [
        (f"{ALGO}The request failed because the media resource could not be downloaded: timed out", 2),
        (f"{ALGO}Download the media resource failed.", 2),
        (f"{ALGO}Failed to download multimodal content", 2),
        (f"{ALGO}Download timeout", 2),
        (f"{ALGO}Range of max_tokens should be [1, 8192]", None),
        (f"{ALGO}The image format is illegal and cannot be opened.", None),
        ("url error, please check url!", None),
    ],
)
def test_a_bad_parameter_may_be_a_download_that_failed_on_their_side(code, message, attempts):
    error = fault(400, Complaint(code, message))
    assert type(error) is (ServiceFailed if attempts else RequestRejected)
    assert getattr(error, "attempts", None) == attempts


def test_only_a_bad_parameter_may_be_that():
    assert (
        type(fault(400, Complaint("BadRequest.InputDownloadFailed", "Failed to download the file"))) is RequestRejected
    )
    assert type(fault(400, Complaint("Arrearage", "download failed"))) is AccountProblem
    assert fault(500, Complaint("InternalError", "download failed")).attempts is None


@pytest.mark.parametrize("code", ["Throttling.AllocationQuota", "insufficient_quota", "Throttling", ""])
def test_waiting_does_not_fill_a_used_up_free_quota(code):
    error = fault(429, Complaint(code, "Free allocated quota exceeded."))
    assert type(error) is AccountProblem
    assert "free quota" in error.message


@pytest.mark.parametrize(("said", "kind"), [("400", RequestRejected), ("429", RateLimited), ("503", ServiceFailed)])
def test_a_status_in_place_of_a_code_counts_within_a_stream(said, kind):
    assert type(fault(200, Complaint(said, "m"))) is kind
    assert type(fault(500, Complaint(said, "m"))) is ServiceFailed


# --- shapes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"code":"A","message":"b","request_id":"c"}', Complaint("A", "b", "c")),
        (b'id:1\nevent:error\n:HTTP_STATUS/400\ndata:{"code":"A","message":"b"}\n\n', Complaint("A", "b")),
        (b'{"error":{"message":"b","type":"t","code":"A"},"request_id":"c"}', Complaint("A", "b", "c")),
        (b'{"error":{"message":"b","type":"t","code":null}}', Complaint("t", "b")),
        (b'{"object":"error","message":"b","type":"BadRequestError","code":400}', Complaint("400", "b")),
        (b'{"error":"model \\"x\\" not found"}', Complaint("", 'model "x" not found')),
        (b'{"detail":"Not Found"}', Complaint("", "Not Found")),
        (b"<html><body>503</body></html>", Complaint("", "<html><body>503</body></html>")),
        (b"", Complaint("", "an empty answer")),
        (b" \n", Complaint("", "an empty answer")),
        (b"x" * 999, Complaint("", "x" * 200)),
        (b"[1, 2]", Complaint("", "[1, 2]")),
        (b'{"output":{"choices":[]},"code":"","message":""}', None),
        (b'{"output":{"text":"x"},"code":"200","message":"fine"}', None),
        (b'{"choices":[{}],"id":"c"}', None),
        (b"{}", None),
    ],
)
def test_shapes(body, expected):
    assert complaint(body) == expected


@given(st.binary(max_size=80) | st.recursive(st.none() | st.text(max_size=5) | st.integers(), st.lists).map(str))
def test_nothing_is_too_odd_to_complain(body):
    said = complaint(body if isinstance(body, bytes) else body.encode("utf-8", "replace"))
    assert isinstance(fault(400, said or Complaint("", "")), EngineError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "message", "type", "request_id", "output", "id"]), inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_no_json_is_too_odd(value):
    said = complaint(json.dumps(value).encode())
    if said is not None:
        assert isinstance(said.code, str)
        assert isinstance(said.message, str)
        assert said.request_id is None or isinstance(said.request_id, str)
        assert isinstance(fault(400, said), EngineError)


# --- max_tokens ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "most"),
    [
        ("Range of max_tokens should be [1, 8192]", 8192),
        (f"{ALGO}Range of max_tokens should be [1, 32768]", 32768),
        (f"{ALGO}Range of max_tokens should be [1,4096].", 4096),
        (f"{ALGO}Range of top_p should be (0, 1.0]", None),
        ("Range of max_tokens should be [1, 0]", None),
        ("max_tokens must be smaller", None),
        ("", None),
    ],
)
def test_the_most_tokens_allowed(message, most):
    assert allowed_max_tokens(message) == most
    assert allowed_max_tokens(fault(400, Complaint("InvalidParameter", message))) == most
