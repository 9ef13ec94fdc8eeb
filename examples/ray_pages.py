"""Read documents on Ray, keep their pages as Parquet, and put them into a vector store.

pip install 'qwen-ocr-loader[ray,local,langchain]'
python examples/ray_pages.py [FOLDER]

Run twice, it reads nothing the second time: the pages are in FOLDER already.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import ray
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import InMemoryVectorStore

from qwen_ocr_loader.citations import locate
from qwen_ocr_loader.ray import read_documents

DOCUMENTS = Path(__file__).parent / "documents"


def main(folder: Path) -> None:
    ray.init(include_dashboard=False, log_to_driver=False)
    out = folder / "pages"
    pages = read_documents(DOCUMENTS, engine="local", actors=1, cache=folder / "cache", done=out)
    pages.write_parquet(str(out))  # of a million pages: min_rows_per_file=5_000
    ray.shutdown()

    rows = pq.read_table(out, filters=[("error", "==", "")]).to_pylist()
    documents = [Document(id=row.pop("id"), page_content=row.pop("text"), metadata=row) for row in rows]
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=64))  # yours, and a model's
    store.add_documents(documents)
    for found in store.similarity_search("harbour", k=3):
        place = locate(found)
        print(found.metadata["file_name"], found.metadata["page_label"], found.page_content[:40].replace("\n", " / "))
        print("   ", len(place.regions), "places on the page, exact" if place.exact else "places")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
