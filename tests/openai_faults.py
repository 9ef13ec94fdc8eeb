"""How OpenAI-compatible servers say no: the same faults as DashScope's own API, in the shapes of those servers.

Sources: the official ``openai`` client's captured exchanges with Model Studio's compatible mode; error pages of Model
Studio (2026). vLLM's shape: vllm-project/vllm#3906, QwenLM/Qwen3#998 (flat), its ``ErrorResponse`` since 0.10.2
(nested). LM Studio's: lmstudio-ai/lms#243.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from dashscope_faults import Fault, compact

Flavor = Literal["dashscope", "vllm", "ollama", "lmstudio"]
ErrorShape = Literal["dashscope", "vllm", "vllm-flat", "ollama", "lmstudio"]

CODES = {
    "InvalidParameter": "invalid_parameter_error",
    "InvalidParameter.DataInspection": "invalid_parameter_error",
    "BadRequest.IllegalInput": "invalid_parameter_error",
    "BadRequest.EmptyInput": "invalid_parameter_error",
    "BadRequest.EmptyModel": "invalid_parameter_error",
    "DataInspectionFailed": "data_inspection_failed",
    "InvalidApiKey": "invalid_api_key",
    "ModelNotFound": "model_not_found",
    "Throttling.RateQuota": "limit_requests",
    "LimitRequests": "limit_requests",
    "Throttling.BurstRate": "limit_burst_rate",
    "Throttling.AllocationQuota": "insufficient_quota",
    "InternalError": "internal_error",
}
"""Codes of the native API that are called otherwise in compatible mode; the rest keep their names."""
VLLM_TYPES = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 429: "RateLimitError"}


@dataclass(frozen=True)
class CompatibleFault(Fault):
    """A fault as one of those servers words it."""

    spoken: ErrorShape = "dashscope"

    def body(self, request_id: str) -> str:
        if self.shape in {"html", "sse"}:
            return Fault.body(self, request_id)
        return compact(self._said(request_id))

    def frame(self, number: int, request_id: str) -> str:
        """Within a stream. [inferred: the one form the official client knows how to read]"""
        return f"data: {compact(self._said(request_id))}\n\n"

    def _said(self, request_id: str) -> dict[str, Any]:
        if self.spoken == "lmstudio":
            return {"error": self.message}
        if self.spoken == "ollama":
            kind = "api_error" if self.status >= 500 else "invalid_request_error"
            return {"error": {"message": self.message, "type": kind, "param": None, "code": None}}
        if self.spoken in {"vllm", "vllm-flat"}:
            kind = VLLM_TYPES.get(self.status, "InternalServerError")
            told = {"message": self.message, "type": kind, "param": None, "code": self.status}
            return {"error": told} if self.spoken == "vllm" else {"object": "error", **told}
        error = {"message": self.message, "type": self._kind(), "param": None, "code": self.code}
        return {"error": error, "request_id": request_id}

    def _kind(self) -> str:
        if self.status == 429:
            return self.code
        return "internal_error" if self.status >= 500 else "invalid_request_error"


def compatible_fault(fault: Fault, spoken: ErrorShape) -> CompatibleFault:
    """A fault of the native API in the words of a compatible one."""
    given = {item.name: getattr(fault, item.name) for item in fields(Fault)}
    return CompatibleFault(**given | {"code": CODES.get(fault.code, fault.code)}, spoken=spoken)
