"""Buckets of S3 servers (AWS, Ceph, MinIO and kin), listed and nothing else: no object is read, written or removed.

Requests are signed here (``signing``, Signature Version 4) and sent by ``runtime/http``: one deadline each, no redirect, no proxy.
"""

from watchdog.runtime.buckets.client import MOST_COUNTED, OPERATIONS, Bucket, Keys, Which

__all__ = ["MOST_COUNTED", "OPERATIONS", "Bucket", "Keys", "Which"]
