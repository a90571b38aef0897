"""Names of what no log can hold, and what to pass instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

CONTAINERS: Final = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "dict", "set", "frozenset")
) | frozenset(
    f"{home}.{name}"
    for home in ("typing", "collections.abc")
    for name in ("List", "Tuple", "Dict", "Set", "FrozenSet", "Sequence", "Mapping", "Iterable",
                 "Collection", "MutableSequence", "MutableMapping")
)  # fmt: skip
"""Types that hold what their arguments say."""


def cure_for(name: str, *, is_result: bool = False) -> str | None:
    """Say what to do instead of recording a value of this class; None if it may be recorded."""
    group = GROUPS.get(name)
    if group is None:
        return None
    return _RESULTS[group] if is_result else _PARAMETERS[group]


_PARAMETERS: Final[Mapping[str, str]] = {
    "code": "pass a name and choose the function by it in the step",
    "iterator": "pass a list",
    "awaitable": "await it in the workflow and pass what it returns",
    "file": "pass its path and open it in the step",
    "connection": "open it in the step",
    "lock": "a lock guards one process only; make it where it is used",
    "task": "await it in the workflow and pass what it returns",
    "queue": "pass a list; a queue lives in one process only",
    "frame": "pass its rows as a list of models, or store it and pass its path or key",
    "response": "read what you need of it into a model and pass that",
}
_RESULTS: Final[Mapping[str, str]] = {
    "code": "return data; choose the function where it is called",
    "iterator": "return a list",
    "awaitable": "await it in the step and return what it gives",
    "file": "return its path",
    "connection": "open it in the step that uses it, and return data",
    "lock": "a lock guards one process only; make it where it is used",
    "task": "await it in the step and return what it gives",
    "queue": "return a list; a queue lives in one process only",
    "frame": "return its rows as a list of models, or store it and return its path or key",
    "response": "read what you need of it into a model and return that",
}


def _named() -> Iterator[tuple[str, str]]:
    for group, table in _TABLE.items():
        for home, names in table.items():
            for name in names.split():
                yield f"{home}.{name}", group


_TABLE: Final[Mapping[str, Mapping[str, str]]] = {
    "code": {
        "typing": "Callable",
        "collections.abc": "Callable",
        "types": "FunctionType MethodType LambdaType ModuleType FrameType TracebackType CodeType",
    },
    "iterator": {
        "typing": "Iterator Generator AsyncIterator AsyncGenerator AsyncIterable",
        "collections.abc": "Iterator Generator AsyncIterator AsyncGenerator AsyncIterable",
        "types": "GeneratorType AsyncGeneratorType",
    },
    "awaitable": {
        "typing": "Awaitable Coroutine",
        "collections.abc": "Awaitable Coroutine",
        "types": "CoroutineType",
    },
    "file": {
        "typing": "IO TextIO BinaryIO",
        "io": "IOBase RawIOBase BufferedIOBase TextIOBase BytesIO StringIO FileIO TextIOWrapper "
        "BufferedReader BufferedWriter BufferedRandom",
        "zipfile": "ZipFile",
        "tarfile": "TarFile",
        "fastapi": "UploadFile",
        "starlette.datastructures": "UploadFile",
    },
    "connection": {
        "sqlite3": "Connection Cursor",
        "socket": "socket",
        "ssl": "SSLSocket SSLContext",
        "smtplib": "SMTP SMTP_SSL",
        "imaplib": "IMAP4 IMAP4_SSL",
        "ftplib": "FTP",
        "http.client": "HTTPConnection HTTPSConnection",
        "asyncio": "StreamReader StreamWriter AbstractEventLoop",
        "multiprocessing.connection": "Connection",
        "psycopg": "Connection AsyncConnection Cursor AsyncCursor",
        "psycopg_pool": "ConnectionPool AsyncConnectionPool",
        "psycopg2.extensions": "connection cursor",
        "asyncpg": "Connection Pool",
        "asyncpg.connection": "Connection",
        "asyncpg.pool": "Pool",
        "aiosqlite": "Connection Cursor",
        "pymysql": "Connection",
        "pymysql.connections": "Connection",
        "sqlalchemy": "Engine Connection",
        "sqlalchemy.engine": "Engine Connection",
        "sqlalchemy.orm": "Session sessionmaker scoped_session",
        "sqlalchemy.ext.asyncio": "AsyncEngine AsyncConnection AsyncSession async_sessionmaker",
        "sqlmodel": "Session",
        "redis": "Redis StrictRedis",
        "redis.asyncio": "Redis",
        "pymongo": "MongoClient",
        "motor.motor_asyncio": "AsyncIOMotorClient",
        "httpx": "Client AsyncClient",
        "requests": "Session",
        "requests.sessions": "Session",
        "aiohttp": "ClientSession",
        "paramiko": "SSHClient",
        "fastapi": "Request WebSocket",
        "starlette.requests": "Request",
        "starlette.websockets": "WebSocket",
    },
    "lock": {
        "threading": "Lock RLock Condition Event Semaphore BoundedSemaphore Barrier",
        "asyncio": "Lock Condition Event Semaphore BoundedSemaphore Barrier",
        "multiprocessing": "Lock RLock Event Semaphore",
    },
    "task": {
        "asyncio": "Task Future TaskGroup Runner",
        "concurrent.futures": "Future Executor ThreadPoolExecutor ProcessPoolExecutor",
        "threading": "Thread Timer",
        "multiprocessing": "Process Pool",
        "subprocess": "Popen",
    },
    "queue": {
        "asyncio": "Queue LifoQueue PriorityQueue",
        "queue": "Queue LifoQueue PriorityQueue SimpleQueue",
        "multiprocessing": "Queue",
    },
    "frame": {
        "pandas": "DataFrame Series",
        "pandas.core.frame": "DataFrame",
        "polars": "DataFrame LazyFrame Series",
        "pyarrow": "Table RecordBatch",
        "pyspark.sql": "DataFrame SparkSession",
    },
    "response": {
        "requests": "Response",
        "httpx": "Response",
        "aiohttp": "ClientResponse",
        "http.client": "HTTPResponse",
    },
}
GROUPS: Final[Mapping[str, str]] = dict(_named())
"""What kind of thing each unrecordable class is."""
