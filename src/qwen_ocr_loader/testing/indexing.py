"""Rules on a second ingestion, which has to find nothing to do: LangChain's ``index()``, LlamaIndex's pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .rule import expect, rules

if TYPE_CHECKING:
    from .trial import Trial


def indexing_again_changes_nothing(trial: Trial) -> None:
    """A second `index()` of the same file adds, updates and deletes nothing.

    Every page that looks changed is embedded and written again, at its price.
    """
    from langchain_core.embeddings import DeterministicFakeEmbedding
    from langchain_core.indexing import InMemoryRecordManager, index
    from langchain_core.vectorstores import InMemoryVectorStore

    records, store = InMemoryRecordManager("conformance"), InMemoryVectorStore(DeterministicFakeEmbedding(size=4))
    records.create_schema()
    runs = [
        index(trial.session().load(), records, store, cleanup="full", key_encoder="blake2b", batch_size=1000)
        for _ in range(2)
    ]
    changed = {name: count for name, count in runs[1].items() if count and name != "num_skipped"}
    expect(not changed, f"of {runs[0]['num_added']} Documents, the second time: {changed}")


def upserting_again_changes_nothing(trial: Trial) -> None:
    """A second run of an `IngestionPipeline` with upserts has nothing to do.

    Ids or metadata that change have every page embedded again, and new ids leave the old ones in the store for good.
    """
    from llama_index.core.embeddings import MockEmbedding
    from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
    from llama_index.core.storage.docstore import SimpleDocumentStore
    from llama_index.core.vector_stores import SimpleVectorStore

    pipeline = IngestionPipeline(
        transformations=[MockEmbedding(4)],
        docstore=SimpleDocumentStore(),
        vector_store=SimpleVectorStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS,
    )
    runs = [len(pipeline.run(documents=trial.session().load())) for _ in range(2)]
    expect(runs[1] == 0, f"of {runs[0]} nodes, {runs[1]} are embedded and stored again")


INDEXING = rules([indexing_again_changes_nothing])
UPSERTING = rules([upserting_again_changes_nothing])
