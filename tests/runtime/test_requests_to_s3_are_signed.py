"""Signature Version 4 as AWS's own examples have it (S3 API reference, "Authenticating Requests: Using the Authorization Header")."""

import pytest

from watchdog.runtime.buckets.signing import Signer, canonical_path, canonical_query

AT = 1_369_353_600.0  # 20130524T000000Z
HOST = "examplebucket.s3.amazonaws.com"
SIGNER = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")


def signature(headers):
    return headers["Authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize(
    ("path", "query", "more", "wanted"),
    [
        ("/", {"max-keys": "2", "prefix": "J"}, {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ("/", {"lifecycle": ""}, {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("/test.txt", {}, {"Range": "bytes=0-9"}, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    ],
)
def test_the_examples_of_aws_come_out(path, query, more, wanted):
    headers = SIGNER.headers(HOST, path, canonical_query(query), AT, more=more)
    assert signature(headers) == wanted
    assert headers["Host"] == HOST and headers["X-Amz-Date"] == "20130524T000000Z"
    assert "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;" in headers["Authorization"]


def test_each_thing_that_is_signed_changes_the_signature():
    plain = signature(SIGNER.headers(HOST, "/b", "x=1", AT))
    others = [
        signature(SIGNER.headers("other.host", "/b", "x=1", AT)),
        signature(SIGNER.headers(HOST, "/c", "x=1", AT)),
        signature(SIGNER.headers(HOST, "/b", "x=2", AT)),
        signature(SIGNER.headers(HOST, "/b", "x=1", AT + 1)),
        signature(SIGNER.headers(HOST, "/b", "x=1", AT, method="DELETE")),
        signature(Signer(SIGNER.access_key, "other", "us-east-1").headers(HOST, "/b", "x=1", AT)),
        signature(Signer(SIGNER.access_key, SIGNER.secret_key, "eu-west-1").headers(HOST, "/b", "x=1", AT)),
        signature(Signer(SIGNER.access_key, SIGNER.secret_key, "us-east-1", "token").headers(HOST, "/b", "x=1", AT)),
    ]
    assert len({plain, *others}) == 1 + len(others)


def test_a_temporary_credential_sends_and_signs_its_token():
    headers = Signer("a", "b", "us-east-1", "token").headers(HOST, "/", "", AT)
    assert headers["X-Amz-Security-Token"] == "token"
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token," in headers["Authorization"]


def test_names_are_quoted_in_the_one_way_that_is_signed():
    assert canonical_query({"prefix": "a b/ü+&~", "list-type": "2"}) == "list-type=2&prefix=a%20b%2F%C3%BC%2B%26~"
    assert canonical_path("/b/a b/ü+=~.zip") == "/b/a%20b/%C3%BC%2B%3D~.zip"


def test_a_signer_shows_no_secret():
    shown = repr(Signer("access-word", "secret-word", "eu-west-1", "token-word"))
    assert "word" not in shown
