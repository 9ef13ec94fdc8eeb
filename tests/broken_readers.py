"""Readers that each break the kit's rules in one way, and the rules they break."""

import pytest
from llama_index.core.schema import Document as LlamaDocument

from conforming import SECRET, GoodReader

CASES = []


def breaks(*rules):
    def remember(kind):
        CASES.append(pytest.param(kind, set(rules), id=kind.__name__))
        return kind

    return remember


@breaks("paths_may_be_strings")
class WantsAPath(GoodReader):
    def lazy_load_data(self, file, extra_info=None, fs=None):
        if fs is None:
            file.stat()
        yield from super().lazy_load_data(file, extra_info, fs)


@breaks("extra_info_is_kept")
class DropsExtraInfo(GoodReader):
    def document(self, text, file, number, extra_info):
        return super().document(text, file, number, {})


@breaks("extra_info_is_kept")
class ChangesExtraInfo(GoodReader):
    def document(self, text, file, number, extra_info):
        extra_info["page"] = number
        return super().document(text, file, number, extra_info)


@breaks("extra_info_is_kept", "reads_from_a_filesystem", "works_in_simple_directory_reader")
class KnowsNoOtherArguments(GoodReader):
    def load_data(self, file):
        return super().load_data(file)


@breaks("reads_from_a_filesystem")
class IgnoresTheFilesystem(GoodReader):
    def load_data(self, file, extra_info=None, fs=None):
        return super().load_data(file, extra_info)


@breaks("models_are_shown_little")
class ShowsModelsEverything(GoodReader):
    def document(self, text, file, number, extra_info):
        return super().document(text, file, number, {**extra_info, "boxes": "0 " * 500})


@breaks("comes_back_from_to_dict")
class HasNoNameOfItsOwn(GoodReader):
    @classmethod
    def class_name(cls):
        return "base_component"


@breaks("comes_back_from_to_dict", "it_pickles")
class ForgetsItsSettings(GoodReader):
    def __init__(self, **settings):
        super().__init__(tidy=not settings)

    def document(self, text, file, number, extra_info):
        return super().document(text if self.tidy else text.upper(), file, number, extra_info)


@breaks("ids_are_stable", "upserting_again_changes_nothing")
class LeavesIdsToLlamaIndex(GoodReader):
    def document(self, text, file, number, extra_info):
        return LlamaDocument(text=text, metadata={"source": str(file), "page": number, **extra_info})


@breaks("secrets_stay_in")
class WritesItsKey(GoodReader):
    api_key: str = SECRET

    def __repr__(self):
        return "WritesItsKey()"

    __str__ = __repr__
