"""The tests' own store of files: what it takes, keeps and gives out."""

import pytest

from dashscope_scenarios import by_page, fault
from openai_client import call, ended, page_lines, submit, upload
from openai_files import read_file_form
from openai_server import OpenAIServer


@pytest.fixture
def server():
    with OpenAIServer() as running:
        yield running


def test_files_are_kept_listed_and_deleted(server):
    kept = [upload(server, page_lines(n), f"part-{n}.jsonl").json() for n in (1, 2, 3)]
    assert [file["filename"] for file in call(server, "GET", "/files").json()["data"]] == [
        "part-3.jsonl",
        "part-2.jsonl",
        "part-1.jsonl",
    ]
    page = call(server, "GET", "/files", params={"limit": 1, "after": kept[2]["id"]}).json()
    assert (page["data"], page["has_more"]) == ([kept[1]], True)
    assert call(server, "GET", f"/files/{kept[0]['id']}").json() == kept[0]
    assert (server.folder / kept[1]["id"]).read_bytes() == page_lines(2)
    assert call(server, "DELETE", f"/files/{kept[0]['id']}").json()["deleted"]
    assert call(server, "GET", f"/files/{kept[0]['id']}").status_code == 404
    assert call(server, "DELETE", f"/files/{kept[0]['id']}").status_code == 404
    assert sorted(path.name for path in server.folder.iterdir()) == sorted(file["id"] for file in kept[1:])


def test_forms_that_are_not_right_are_refused(server):
    assert "purpose" in upload(server, b"{}", purpose="fine-tune").text
    assert "jsonl" in upload(server, b"{}", name="requests.txt").text
    assert "multipart" in call(server, "POST", "/files", json={"purpose": "batch"}).text
    assert "named 'file'" in call(server, "POST", "/files", files={"data": ("a.jsonl", b"{}")}).text
    broken = {"Content-Type": "multipart/form-data; boundary=b"}
    assert "no end" in call(server, "POST", "/files", content=b"no form at all", headers=broken).text
    server.files.max_bytes = 100
    assert "File size" in upload(server, page_lines(1)).text
    assert (server.files.records, list(server.folder.iterdir())) == ({}, [])


def test_a_file_may_come_in_chunks_and_hold_what_looks_like_a_boundary(server):
    def form():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
        yield b"--a\r\n--c\n" * 3
        yield b'\r\n--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b--\r\n'

    sent = call(server, "POST", "/files", content=form(), headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert sent.status_code == 200, sent.text
    assert (server.folder / sent.json()["id"]).read_bytes() == b"--a\r\n--c\n" * 3


def test_only_results_can_be_downloaded(server):
    server.batches.script = by_page({0: fault("algo")})
    batch = ended(server, submit(server, page_lines(2)))
    content = {name: f"/files/{batch[name]}/content" for name in ("input_file_id", "output_file_id", "error_file_id")}
    assert [call(server, "GET", path).status_code for path in content.values()] == [400, 200, 200]
    server.files.errors_readable = False
    assert call(server, "GET", content["error_file_id"]).status_code == 400


def test_a_form_is_read_across_the_pieces_it_is_read_in(tmp_path):
    mark, path = b"\r\n--mark", tmp_path / "form"
    head = b'--mark\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    for length in range((1 << 20) - len(head) - 30, (1 << 20) - len(head) + 5):  # the mark wanders over the border
        data = b"x" * length
        path.write_bytes(head + data + mark + b"--\r\n")
        form = read_file_form(path, "multipart/form-data; boundary=mark")
        assert (form.start, form.stop) == (len(head), len(head) + length)
