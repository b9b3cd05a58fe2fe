"""What people write as a share, and what becomes of it."""

from __future__ import annotations

import pytest

from ez.env.shares.login import lines_of
from ez.env.shares.model import Share, parse_share
from ez.env.shares.mounting import conf_of, rclone_of
from ez.errors import UsageError

SOURCES = [
    ("local:./data:/data", "local", "./data", ""),
    ("/srv/sets/:/data:ro", "folder", "/srv/sets", ""),
    ("~/sets:~/data", "folder", "~/sets", ""),
    ("volume:cache:/data", "volume", "cache", ""),
    ("nfs://files.example.org/exports/a b:/data", "nfs", "/exports/a b", "files.example.org"),
    ("smb://ann@10.0.0.7:1445/team/sub%20folder:/data", "smb", "team/sub folder", "10.0.0.7"),
    ("azurefiles://account/team:/data", "smb", "team", "account.file.core.windows.net"),
    ("s3://bucket/prefix/?endpoint=http://10.0.0.7:9000&region=x:/data", "s3", "bucket/prefix", ""),
    ("azblob://account/box/prefix:/data", "azblob", "box/prefix", "account"),
    ("gcs://bucket:/data", "gcs", "bucket", ""),
    ("rclone:drive:team/files:/data", "rclone", "drive:team/files", ""),
]


@pytest.mark.parametrize(("text", "kind", "place", "server"), SOURCES)
def test_sources(text: str, kind: str, place: str, server: str) -> None:
    share = parse_share("x", text)
    assert (share.kind, share.place, share.server) == (kind, place, server)
    assert share.target in ("/data", "~/data")
    assert parse_share("x", share.pair) == share


@pytest.mark.parametrize(
    "text",
    [
        "", "s3://bucket", "/data", "local::/data", "foo://a/b:/data", "/a/../b:/data", "volume:a/b:/data",
        "smb://host:/data", "smb://a b/c:/data", "smb://host:99999/s:/data", "s3://[::1:/data", "nfs://:/data",
        "s3://bucket?evil=1:/data", "s3://bucket?endpoint=a b:/data", "s3://u@bucket:/data", "smb://h/a/../b:/data",
        "rclone::sftp,host=x\u003apath", "/a:/", "/a:/etc", "/a:/usr/lib/x", "/a:/proc", "/a:/mnt/ez", "/a:~", "/a:b",
        "/a:/b/../../etc",
        "azblob://account/box?endpoint=http://127.0.0.1:10000:/data",
        "/a\n:/data", "/a\x1b[2J:/data", f"/{'a' * 3000}:/data",
    ],
)  # fmt: skip
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_share("x", text)
    assert caught.value.hint
    assert caught.value.message.isprintable()


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        parse_share("x", "smb://ann:hunter2@host/team:/data")
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_what_a_computer_is_told() -> None:
    share = parse_share("data", "smb://ann@files.example.org:1445/team/x:/data:ro")
    assert rclone_of(share) == "[ez]\ntype = smb\nhost = files.example.org\nport = 1445\nuser = ann\n"
    conf = dict(line.split("=", 1) for line in conf_of(share, (1000, 1001)).splitlines())
    assert (conf["place"], conf["access"], conf["uid"], conf["gid"], conf["needs"]) == (
        "team/x", "ro", "1000", "1001", "login",
    )  # fmt: skip
    own = parse_share("data", "s3://bucket:/data")
    assert "without=env_auth = true\n" in conf_of(own, (1, 1))
    assert "without=\n" in conf_of(parse_share("data", "s3://bucket?anonymous=yes:/data"), (1, 1))


def test_one_login_for_the_shares_of_a_server() -> None:
    def name(text: str) -> str:
        return parse_share("x", text).credential

    assert name("smb://host/team/a:/data") == name("smb://ann@host/team/b:/other:ro")
    assert len({name(f"{text}:/x") for text in ("smb://host/team", "smb://host/other", "s3://team", "gcs://team")}) == 4
    assert isinstance(parse_share("x", "s3://b:/d"), Share)


@pytest.mark.parametrize(
    ("text", "secret", "told"),
    [
        ("azblob://account/box/deep", "a+key/==", {"user": "", "secret": "a+key/=="}),
        ("azblob://account/box/deep", "?sv=1&sig=x", {"sas": "https://account.blob.core.windows.net/box?sv=1&sig=x"}),
        (
            "azblob://account/box?endpoint=blob.core.chinacloudapi.cn",
            "sv=1&sig=x\n",
            {"sas": "https://account.blob.core.chinacloudapi.cn/box?sv=1&sig=x"},
        ),
        ("azblob://account/box", "http://10.0.0.7/account/box?sig=x", {"sas": "http://10.0.0.7/account/box?sig=x"}),
    ],
)
def test_what_logs_in_to_azures_blobs(text: str, secret: str, told: dict[str, str]) -> None:
    assert lines_of(parse_share("x", f"{text}:/data"), "", "", secret) == told
