"""Downloads: a real server on this machine, and everything that must not be reached."""

import gzip
import logging
import pickle
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader.download import Download, is_public, without_secrets
from qwen_ocr_loader.errors import DownloadFailed, SourceTooLarge

BODY = b"%PDF-1.7\n" + bytes(5000)
HERE = Download(allow_private=True, timeout=5.0)


class Handler(BaseHTTPRequestHandler):
    """Answers by the first part of the path; remembers each request."""

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        getattr(self, "do_" + self.path.partition("?")[0].split("/")[1].replace("-", "_"), self.do_missing)()

    def log_message(self, *args):
        pass

    def reply(self, status=200, body=BODY, **headers):
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_missing(self):
        self.reply(404, b"no")

    def do_file(self):
        self.reply()

    def do_named(self):
        self.reply(Content_Disposition="attachment; filename*=UTF-8''../Rechnung%20%C3%BC.pdf")

    def do_status(self):
        self.reply(int(self.path.rpartition("/")[2]), b"")

    def do_redirect(self):
        self.reply(302, b"", Location=self.path.partition("to=")[2])

    def do_loop(self):
        self.reply(302, b"", Location="/loop")

    def do_unsized(self):
        self.reply(Content_Length=None)

    def do_cut(self):
        self.reply(Content_Length="900000")

    def do_gzip(self):
        self.reply(body=gzip.compress(BODY), Content_Encoding="gzip")

    def do_trickle(self):
        self.send_response(200)
        self.end_headers()
        self.drip()

    def do_slow_headers(self):
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
        self.drip()

    def drip(self):
        try:
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return  # the client left, as it should

    def do_silence(self):
        self.server.over.wait(3)


@contextmanager
def running(context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.over, server.daemon_threads = [], threading.Event(), True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    scheme, (host, port) = "https" if context else "http", server.server_address[:2]
    server.url = f"{scheme}://{host}:{port}"
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def server():
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def other():
    with running() as started:
        yield started


def test_body_and_name(server):
    fetched = HERE.fetch(f"{server.url}/file/scan%20one.pdf?v=2#page=3")
    assert (fetched.data, fetched.file_name) == (BODY, "scan one.pdf")
    path, headers = server.seen[-1]
    assert path == "/file/scan%20one.pdf?v=2"
    assert headers["User-Agent"].startswith("qwen-ocr-loader/")
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Host"] == server.url.removeprefix("http://")


def test_name_from_the_server_is_never_a_path(server):
    assert HERE.fetch(f"{server.url}/named/x").file_name == "Rechnung ü.pdf"


def test_no_length_given(server):
    assert HERE.fetch(f"{server.url}/unsized").data == BODY


def test_redirects_are_followed(server):
    assert HERE.fetch(f"{server.url}/redirect?to=/redirect?to=/file/b.pdf").file_name == "b.pdf"


def test_redirects_end(server):
    before = len(server.seen)
    with pytest.raises(DownloadFailed, match="more than 3 redirects"):
        Download(allow_private=True, redirects=3).fetch(f"{server.url}/loop")
    assert len(server.seen) - before == 4


@pytest.mark.parametrize("target", ["ftp://example.org/a", "file:///etc/passwd", "gopher://127.0.0.1/"])
def test_redirect_to_another_scheme_is_refused(server, target):
    with pytest.raises(DownloadFailed, match="not an http or https URL"):
        HERE.fetch(f"{server.url}/redirect?to={target}")


def test_headers_and_password_stay_with_their_host(server, other):
    download = Download(allow_private=True, headers={"X-Api-Key": "s3cret"})
    url = server.url.replace("http://", "http://ada:pw@")
    download.fetch(f"{url}/redirect?to={other.url}/file")
    first, second = server.seen[-1][1], other.seen[-1][1]
    assert first["X-Api-Key"] == "s3cret"
    assert first["Authorization"] == "Basic YWRhOnB3"
    assert not {"X-Api-Key", "Authorization"} & set(second)


@pytest.mark.parametrize(
    ("status", "advice"), [(404, "check it"), (401, "log in"), (403, "log in"), (500, "later"), (204, "")]
)
def test_http_errors_say_what_to_do(server, status, advice):
    with pytest.raises(DownloadFailed, match=f"answered {status}.*{advice}") as caught:
        HERE.fetch(f"{server.url}/status/{status}")
    assert caught.value.source == f"{server.url}/status/{status}"


@pytest.mark.parametrize("path", ["/file", "/unsized"])
def test_too_large(server, path):
    with pytest.raises(SourceTooLarge, match="max_bytes"):
        Download(allow_private=True, max_bytes=5000).fetch(server.url + path)
    assert Download(allow_private=True, max_bytes=len(BODY)).fetch(server.url + path).data == BODY


@pytest.mark.parametrize("path", ["/trickle", "/slow-headers", "/silence"])
def test_the_deadline_is_for_the_whole(server, path):
    started = time.monotonic()
    with pytest.raises(DownloadFailed, match=r"within 0\.4 s"):
        Download(allow_private=True, timeout=0.4).fetch(server.url + path)
    assert time.monotonic() - started < 10


def test_cut_body(server):
    with pytest.raises(DownloadFailed, match="download failed"):
        HERE.fetch(f"{server.url}/cut")


def test_compressed_body_is_refused(server):
    with pytest.raises(DownloadFailed, match="compressed"):
        HERE.fetch(f"{server.url}/gzip")


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadFailed):
        HERE.fetch(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid/a", "http://", "http://a b/", "http://[::1", "http://x:99999/"]
)
def test_impossible_urls(url):
    with pytest.raises(DownloadFailed):
        HERE.fetch(url)


# --- the private network ----------------------------------------------------------------------------------------------

LOOPBACK = [
    "127.0.0.1",
    "localhost",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_refused_unconnected(host):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        url = f"http://{host}:{listening.getsockname()[1]}/"
        with pytest.raises(DownloadFailed, match=r"not an address of the public Internet|no host|failed"):
            Download(timeout=2).fetch(url)
        with pytest.raises(TimeoutError):
            listening.accept()


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "10.0.0.1", "[fe80::1]", "[fd00::1]", "224.0.0.1", "100.64.0.1", "[::1]"]
)
def test_other_private_addresses_are_refused(host):
    with pytest.raises(DownloadFailed, match=r"allow_private=True"):
        Download(timeout=2).fetch(f"http://{host}/latest/meta-data/")


def test_a_redirect_is_checked_like_the_first_url(server, monkeypatch):
    """The first host counts as public here; where it redirects to does not."""
    from qwen_ocr_loader import download

    port = server.url.rpartition(":")[2]
    monkeypatch.setattr(download, "is_public", lambda address: address == "127.0.0.1")
    with pytest.raises(DownloadFailed, match=r"169\.254\.169\.254 is"):
        Download(timeout=5).fetch(f"http://127.0.0.1:{port}/redirect?to=http://169.254.169.254/latest/")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public(address):
    assert is_public(address)


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_certificates_are_checked_for_the_name():
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with running(serving) as server:
        port = server.url.rpartition(":")[2]
        knowing = Download(allow_private=True, verify=trusting)
        assert knowing.fetch(f"https://localhost:{port}/file").data == BODY
        for download, host in ((knowing, "127.0.0.1"), (HERE, "localhost")):
            with pytest.raises(DownloadFailed, match="CERTIFICATE_VERIFY_FAILED"):
                download.fetch(f"https://{host}:{port}/file")


def test_https_does_not_become_http(server):
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    download = Download(allow_private=True, verify=trusting)
    with running(serving) as secure:
        url = f"https://localhost:{secure.url.rpartition(':')[2]}/redirect?to={server.url}/file"
        with pytest.raises(DownloadFailed, match="unprotected"):
            download.fetch(url)


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ada:pw@example.org/a.pdf", "https://example.org/a.pdf"),
        ("https://example.org/a?id=3&X-Amz-Signature=x&X-Amz-Date=1", "https://example.org/a?id=3"),
        ("https://example.org/a?access_token=x", "https://example.org/a"),
        ("https://example.org/a?sv=2&sig=x&keyword=b#frag", "https://example.org/a?sv=2&keyword=b"),
        ("sftp://u:p@host/a", "sftp://host/a"),
        ("scan.pdf", "scan.pdf"),
    ],
)
def test_urls_are_shown_without_secrets(url, shown):
    assert without_secrets(url) == shown


@given(st.from_regex(r"[a-z0-9/._-]{0,12}", fullmatch=True), st.from_regex(r"[a-z]{4,9}", fullmatch=True))
def test_no_password_is_ever_shown(path, password):
    assert f"{password}@" not in without_secrets(f"https://user:{password}@example.org/{path}")


def test_no_secret_in_errors_logs_or_repr(server, caplog):
    caplog.set_level(logging.INFO)
    download = Download(allow_private=True, headers={"Authorization": "Bearer t0psecret"})
    url = server.url.replace("http://", "http://ada:hunter2@") + "/missing?token=t0psecret"
    with pytest.raises(DownloadFailed) as caught:
        download.fetch(url)
    for text in (str(caught.value), repr(download), caplog.text):
        assert "t0psecret" not in text
        assert "hunter2" not in text


def test_settings_pickle_and_hash():
    download = Download(timeout=3, headers={"A": "b"})
    assert pickle.loads(pickle.dumps(download)) == download
    assert hash(download) == hash(Download(timeout=3))
