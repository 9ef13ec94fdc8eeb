"""Everything DashScope can say no with: code, HTTP status, message, shape, and what a client should make of it.

Codes and messages: Alibaba Model Studio, error code pages of 2024, 2025 and 2026, and the official SDK's own table.
Where no message is documented, ours is a plausible one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

Shape = Literal["json", "sse", "openai", "html"]
ALGO = "<400> InternalError.Algo.InvalidParameter: "  # how messages of the model's own front end begin


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail.

    Attributes:
        error: The class of ``qwen_ocr_loader.errors`` a client should raise in the end.
        retry: Whether the same request may succeed later; ``"once"`` is for codes that stand for two different things.
        shape: Of the body: the native JSON; server-sent-event text labelled as JSON; the OpenAI shape, seen on native
            404s too; a load balancer's HTML, which has no code.
    """

    name: str
    status: int
    code: str
    message: str
    error: str
    retry: Literal["no", "once", "yes"] = "no"
    shape: Shape = "json"

    @property
    def retryable(self) -> bool:
        return self.retry != "no"

    @property
    def content_type(self) -> str:
        return "text/html" if self.shape == "html" else "application/json"

    def body(self, request_id: str) -> str:
        """As it stands in an HTTP reply."""
        if self.shape == "html":
            return f"<html><body>{self.message}</body></html>"
        if self.shape == "sse":
            return self.frame(1, request_id)
        if self.shape == "openai":
            error = {"message": self.message, "type": "invalid_request_error", "param": None, "code": self.code}
            return compact({"error": error, "request_id": request_id})
        return compact(self.said(request_id))

    def frame(self, number: int, request_id: str) -> str:
        """As event ``number`` of a stream whose HTTP status was 200 long ago."""
        return f"id:{number}\nevent:error\n:HTTP_STATUS/{self.status}\ndata:{compact(self.said(request_id))}\n\n"

    def said(self, request_id: str) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "request_id": request_id}


def compact(value: object) -> str:
    """JSON as the service writes it: no spaces, not escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _no(error: str, *rows: tuple[str, int, str, str]) -> list[Fault]:
    return [Fault(*row, error) for row in rows]


def _yes(error: str, *rows: tuple[str, int, str, str]) -> list[Fault]:
    return [Fault(*row, error, "yes") for row in rows]


_DOWNLOAD = "The request failed because the media resource could not be downloaded"
_TABLE = [
    # --- the request: never again as it is
    *_no(
        "RequestRejected",
        ("invalid-parameter", 400, "InvalidParameter", f"{ALGO}Range of max_tokens should be [1, 8192]"),
        ("image-too-large", 400, "InvalidParameter", f"{ALGO}Multimodal file size is too large"),
        (
            "data-uri-too-large",
            400,
            "InvalidParameter",
            f"{ALGO}Exceeded limit on max bytes per data-uri item : 10485760",
        ),
        ("image-aspect", 400, "InvalidParameter", f"{ALGO}absolute aspect ratio must be smaller than 200, got 240.0"),
        ("image-undecodable", 400, "InvalidParameter", f"{ALGO}The image format is illegal and cannot be opened."),
        ("url-error", 400, "InvalidParameter", "url error, please check url!"),
        ("url-invalid", 400, "InvalidParameter", f"{ALGO}The provided URL does not appear to be valid."),
        ("moderation", 400, "DataInspectionFailed", "Input data may contain inappropriate content."),
        ("moderation-output", 400, "data_inspection_failed", "Output data may contain inappropriate content."),
        ("invalid-url", 400, "InvalidURL", "Invalid URL provided in your request."),
        ("url-refused", 400, "InvalidURL.ConnectionRefused", "Connection to the provided URL was refused."),
        ("input-download-failed", 400, "BadRequest.InputDownloadFailed", "Failed to download the input file: 403"),
        ("invalid-image-size", 400, "InvalidImage.ImageSize", "The size of image is beyond limit."),
        ("invalid-image-format", 400, "InvalidImageFormat", "The image format is not supported."),
        ("invalid-image-resolution", 400, "InvalidImageResolution", "The input image resolution is out of range."),
        ("unsupported-file", 400, "BadRequest.UnsupportedFileFormat", "Input file format is not supported."),
        ("empty-input", 400, "BadRequest.EmptyInput", "Required input parameter missing from request."),
        ("empty-parameters", 400, "BadRequest.EmptyParameters", "Required parameter parameters missing from request."),
        ("empty-model", 400, "BadRequest.EmptyModel", "Required parameter model missing from request."),
        ("illegal-input", 400, "BadRequest.IllegalInput", "The input parameter requires json format."),
        ("unsupported-operation", 400, "UnsupportedOperation", "The operation is unsupported on the referee object."),
        ("too-large", 400, "BadRequest.TooLarge", "Payload Too Large"),
        ("too-large-413", 413, "BadRequest.TooLarge", "Payload Too Large"),
        ("model-not-found", 404, "ModelNotFound", "Model can not be found."),
        ("model-not-exist", 404, "Model.NotExist", "Model not exist."),
        ("model-not-supported", 404, "model_not_supported", "Unsupported model for this API."),
        ("not-found", 404, "NotFound", "The requested resource could not be found."),
    ),
    Fault(
        "sse-as-json",
        400,
        "InvalidParameter",
        f"{ALGO}Range of max_tokens should be [1, 8192]",
        "RequestRejected",
        shape="sse",
    ),
    Fault(
        "openai-shape",
        404,
        "model_not_found",
        "The model `x` does not exist or you do not have access to it.",
        "RequestRejected",
        shape="openai",
    ),
    # --- one code, two meanings: only the text, or a second try, tells
    Fault("download-timeout", 400, "InvalidParameter", f"{ALGO}{_DOWNLOAD}: timed out", "ServiceFailed", "once"),
    Fault(
        "download-failed",
        400,
        "InvalidParameter",
        f"{ALGO}Download the media resource failed.",
        "ServiceFailed",
        "once",
    ),
    Fault(
        "inspection-download",
        400,
        "InvalidParameter.DataInspection",
        "Unable to download the media resource during the data inspection process.",
        "ServiceFailed",
        "once",
    ),
    Fault("url-timeout", 400, "InvalidURL.Timeout", "The provided URL timed out.", "ServiceFailed", "yes"),
    # --- the key
    *_no(
        "KeyRejected",
        ("invalid-api-key", 401, "InvalidApiKey", "Invalid API-key provided."),
        (
            "not-authorized",
            401,
            "NOT AUTHORIZED",
            "Access denied: Either you are not authorized to access this workspace.",
        ),
        ("workspace-not-found", 404, "WorkSpaceNotFound", "WorkSpace can not be found."),
    ),
    # --- the account
    *_no(
        "AccountProblem",
        ("arrearage", 400, "Arrearage", "Access denied, please make sure your account is in good standing."),
        ("access-denied", 403, "AccessDenied", "Access denied."),
        ("unpurchased", 403, "AccessDenied.Unpurchased", "Access to model denied. Please make sure you are eligible."),
        ("model-access-denied", 403, "Model.AccessDenied", "Model access denied."),
        ("workspace-access-denied", 403, "Workspace.AccessDenied", "Workspace access denied."),
        ("app-access-denied", 403, "App.AccessDenied", "App access denied."),
        ("free-tier", 403, "AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted."),
        ("free-quota-429", 429, "Throttling.AllocationQuota", "Free allocated quota exceeded."),
        ("not-purchased", 429, "CommodityNotPurchased", "Commodity has not purchased yet."),
        ("prepaid-overdue", 429, "PrepaidBillOverdue", "The prepaid bill is overdue."),
        ("postpaid-overdue", 429, "PostpaidBillOverdue", "The postpaid bill is overdue."),
    ),
    # --- too much at once
    *_yes(
        "RateLimited",
        ("throttling", 429, "Throttling", "Requests throttling triggered."),
        ("rate-quota", 429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
        ("limit-requests", 429, "LimitRequests", "You exceeded your current requests list."),
        ("burst-rate", 429, "Throttling.BurstRate", "Request rate increased too quickly."),
        (
            "allocation-quota",
            429,
            "Throttling.AllocationQuota",
            "Allocated quota exceeded, please increase your quota limit.",
        ),
        ("insufficient-quota", 429, "insufficient_quota", "You exceeded your current quota."),
    ),
    # --- the service
    *_yes(
        "ServiceFailed",
        ("timeout-408", 408, "RequestTimeOut", "Request timed out, please try again later."),
        ("timeout-500", 500, "RequestTimeOut", "Request timed out, please try again later."),
        ("internal", 500, "InternalError", "An internal error has occured, please try again later."),
        ("algo", 500, "InternalError.Algo", "inference internal error."),
        ("internal-timeout", 500, "InternalError.Timeout", "An internal timeout error has occured."),
        ("system", 500, "SystemError", "An system error has occured, please try again later."),
        ("model-service", 500, "ModelServiceFailed", "Failed to request model service."),
        ("serving-500", 500, "ModelServingError", "Failed to request model serving."),
        ("serving-503", 503, "ModelServingError", "Too many requests. Your requests are being throttled."),
        ("model-unavailable", 503, "ModelUnavailable", "Model is unavailable, please try again later."),
        ("unavailable", 503, "ServiceUnavailable", "The service is unavailable."),
        ("gateway-timeout", 504, "GatewayTimeout", "Gateway timeout."),
        ("error-in-200", 200, "InternalError", "inference error."),
    ),
    Fault("html-503", 503, "", "503 Service Temporarily Unavailable", "ServiceFailed", "yes", "html"),
]
FAULTS: dict[str, Fault] = {fault.name: fault for fault in _TABLE}


class Refusal(Exception):
    """Ends the handling of a request with an error reply of that code."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.code}: {fault.message}")
        self.fault = fault


def refuse(name: str, message: str) -> Refusal:
    """The fault of that name with another message, to be raised."""
    fault = FAULTS[name]
    return Refusal(
        Fault(f"{name}: {message}", fault.status, fault.code, message, fault.error, fault.retry, fault.shape)
    )


def refuse_parameter(message: str) -> Refusal:
    """``InvalidParameter``, worded as the model's front end does."""
    return refuse("invalid-parameter", ALGO + message)
