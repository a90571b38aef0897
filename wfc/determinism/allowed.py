"""What workflow code may use: pure names, and those that a shim makes fit for replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wfc.determinism.verdicts import Reason

ALIASES: Final[Mapping[str, str]] = {
    "posixpath": "os.path",
    "ntpath": "os.path",
    "genericpath": "os.path",
    "posix": "os",
    "nt": "os",
    "_io": "io",
    "_pyio": "io",
    "_datetime": "datetime",
    "_pydatetime": "datetime",
    "_decimal": "decimal",
    "_pydecimal": "decimal",
    "_random": "random",
    "_uuid": "uuid",
    "_asyncio": "asyncio",
    "_socket": "socket",
    "_ssl": "ssl",
    "_pickle": "pickle",
    "_sqlite3": "sqlite3",
    "_ctypes": "ctypes",
    "_weakref": "weakref",
    "_weakrefset": "weakref",
    "_bz2": "bz2",
    "_lzma": "lzma",
    "_dbm": "dbm",
    "_gdbm": "dbm",
    "_queue": "queue",
    "_signal": "signal",
    "_codecs": "codecs",
    "_imp": "importlib",
    "imp": "importlib",
    "_frozen_importlib": "importlib",
    "_frozen_importlib_external": "importlib",
    "_locale": "locale",
    "_multiprocessing": "multiprocessing",
    "_statistics": "statistics",
    "_elementtree": "xml.etree.ElementTree",
    "_osx_support": "platform",
    "_wmi": "platform",
    "asyncio.tasks": "asyncio",
    "asyncio.locks": "asyncio",
    "asyncio.queues": "asyncio",
    "asyncio.exceptions": "asyncio",
    "asyncio.futures": "asyncio",
    "asyncio.timeouts": "asyncio",
    "asyncio.taskgroups": "asyncio",
    "asyncio.threads": "asyncio",
    "asyncio.runners": "asyncio",
    "asyncio.events": "asyncio",
    "asyncio.coroutines": "asyncio",
    "pathlib._local": "pathlib",
    "pathlib._abc": "pathlib",
    "compression.gzip": "gzip",
    "compression.bz2": "bz2",
    "compression.lzma": "lzma",
    "compression.zlib": "zlib",
}
"""Other names of the same thing."""

PURE: Final = """
__future__ _abc _ast _ast_unparse _bisect _blake2 _codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp
_codecs_kr _codecs_tw _collections _collections_abc _colorize _compat_pickle _compression
_contextvars _csv _functools _hashlib _heapq _hmac _json _markupbase _md5 _multibytecodec _opcode
_opcode_metadata _operator _py_abc _pylong _sha1 _sha2 _sha256 _sha3 _sha512 _sre _stat _string
_strptime _struct _suggestions _symtable _tokenize _types _typing _warnings _zoneinfo
abc annotationlib array ast audioop base64 binascii bisect calendar cmath collections colorsys
concurrent contextlib contextvars copy csv dataclasses datetime decimal difflib encodings enum errno
fnmatch fractions functools graphlib hashlib heapq hmac html http.cookies http.HTTPStatus
http.HTTPMethod ipaddress itertools json keyword math numbers nturl2path opcode operator plistlib
pprint pydoc_data pyexpat quopri re reprlib shlex sre_compile sre_constants sre_parse
stat string stringprep struct symtable textwrap this token tomllib types typing unicodedata
urllib.parse urllib.error urllib.response warnings xdrlib zlib zoneinfo
wfc
"""

MIXED_MODULES: Final = """
asyncio asyncio.AbstractEventLoop builtins codecs compression configparser
email email.utils email.message http inspect io
os os.path pathlib pathlib.Path pathlib.PosixPath pathlib.WindowsPath random statistics sys
time tokenize traceback urllib uuid xml xml.etree xml.etree.ElementTree
"""
"""Modules (and classes) that may be imported, named and subclassed; their members have rows."""

_PATH_MEMBERS: Final = """
as_posix as_uri drive root anchor name stem suffix suffixes parent parents parts is_absolute
is_relative_to is_reserved joinpath match full_match relative_to with_name with_stem with_suffix
with_segments parser
"""
"""What a `pathlib.Path` does without touching the disk."""

PURE_MEMBERS: Final[tuple[tuple[str, str], ...]] = (
    (
        # Not shims: on the run's own loop they are deterministic as they stand.
        "asyncio",
        """
        gather TaskGroup Queue LifoQueue PriorityQueue QueueEmpty QueueFull QueueShutDown Event Lock
        Semaphore BoundedSemaphore Condition Barrier BrokenBarrierError shield create_task
        current_task all_tasks ensure_future Future Task CancelledError TimeoutError
        InvalidStateError IncompleteReadError LimitOverrunError FIRST_COMPLETED FIRST_EXCEPTION
        ALL_COMPLETED iscoroutine iscoroutinefunction isfuture get_running_loop get_event_loop
        tasks locks queues exceptions futures timeouts taskgroups
        """,
    ),
    (
        "asyncio.AbstractEventLoop",
        """
        create_task create_future call_soon call_later call_at time is_running is_closed get_debug
        set_debug set_task_factory get_task_factory set_exception_handler get_exception_handler
        default_exception_handler call_exception_handler
        """,
    ),
    (
        "builtins",
        """
        ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup
        BlockingIOError BrokenPipeError BufferError BytesWarning ChildProcessError
        ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError
        DeprecationWarning EOFError Ellipsis EncodingWarning EnvironmentError Exception
        ExceptionGroup False FileExistsError FileNotFoundError FloatingPointError FutureWarning
        GeneratorExit IOError ImportError ImportWarning IndentationError IndexError
        InterruptedError IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError
        ModuleNotFoundError NameError None NotADirectoryError NotImplemented NotImplementedError
        OSError OverflowError PendingDeprecationWarning PermissionError ProcessLookupError
        PythonFinalizationError RecursionError ReferenceError ResourceWarning RuntimeError
        RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError
        SystemExit TabError TimeoutError True TypeError UnboundLocalError UnicodeDecodeError
        UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning UserWarning
        ValueError Warning WindowsError ZeroDivisionError _IncompleteInputError
        __build_class__ __debug__ __package__
        __annotations__ __builtins__ __qualname__ __module__ __class__
        abs aiter all anext any ascii bin bool bytearray bytes callable chr classmethod complex
        delattr dict dir divmod enumerate filter float format frozenset getattr hasattr hex int
        isinstance issubclass iter len list map max memoryview min next object oct ord pow
        property range repr reversed round set setattr slice sorted staticmethod str sum super
        tuple type zip reveal_type reveal_locals
        """,
    ),
    (
        "codecs",
        """
        encode decode lookup lookup_error register_error strict_errors ignore_errors replace_errors
        xmlcharrefreplace_errors backslashreplace_errors namereplace_errors getencoder getdecoder
        getincrementalencoder getincrementaldecoder iterencode iterdecode BOM BOM_BE BOM_LE BOM_UTF8
        BOM_UTF16 BOM_UTF16_BE BOM_UTF16_LE BOM_UTF32 BOM_UTF32_BE BOM_UTF32_LE Codec CodecInfo
        IncrementalEncoder IncrementalDecoder escape_decode escape_encode utf_8_encode utf_8_decode
        """,
    ),
    ("configparser", "ConfigParser RawConfigParser SectionProxy Error"),
    ("email", "errors policy charset header headerregistry base64mime quoprimime contentmanager"),
    ("email.message", "EmailMessage Message MIMEPart"),
    (
        "email.utils",
        """
        parseaddr formataddr getaddresses parsedate parsedate_tz parsedate_to_datetime mktime_tz
        format_datetime quote unquote decode_rfc2231 encode_rfc2231 collapse_rfc2231_value
        """,
    ),
    (
        "inspect",
        """
        signature Signature Parameter BoundArguments cleandoc getdoc getmro get_annotations
        isabstract isasyncgen isasyncgenfunction isawaitable isbuiltin isclass iscode iscoroutine
        iscoroutinefunction isdatadescriptor isframe isfunction isgenerator isgeneratorfunction
        isgetsetdescriptor ismemberdescriptor ismethod ismethoddescriptor ismethodwrapper ismodule
        isroutine istraceback markcoroutinefunction unwrap getfullargspec
        """,
    ),
    (
        "io",
        """
        StringIO BytesIO TextIOWrapper BufferedReader BufferedWriter BufferedRandom BufferedRWPair
        IOBase RawIOBase BufferedIOBase TextIOBase IncrementalNewlineDecoder UnsupportedOperation
        SEEK_SET SEEK_CUR SEEK_END DEFAULT_BUFFER_SIZE text_encoding Reader Writer
        """,
    ),
    (
        "os",
        """
        sep altsep curdir pardir extsep pathsep linesep devnull name fspath fsencode fsdecode
        PathLike error strerror
        """,
    ),
    (
        "os.path",
        """
        basename commonpath commonprefix dirname isabs isreserved join normcase normpath split
        splitdrive splitext splitroot sep altsep curdir pardir extsep pathsep defpath devnull
        supports_unicode_filenames
        """,
    ),
    ("pathlib", "PurePath PurePosixPath PureWindowsPath UnsupportedOperation types"),
    ("pathlib.Path", _PATH_MEMBERS),
    ("pathlib.PosixPath", _PATH_MEMBERS),
    ("pathlib.WindowsPath", _PATH_MEMBERS),
    (
        "statistics",
        """
        mean fmean geometric_mean harmonic_mean median median_low median_high median_grouped mode
        multimode quantiles pstdev pvariance stdev variance covariance correlation linear_regression
        kde NormalDist LinearRegression StatisticsError
        """,
    ),
    (
        "sys",
        """
        maxsize maxunicode float_info int_info hash_info byteorder intern exc_info exception
        version_info version hexversion implementation platform api_version copyright
        float_repr_style get_int_max_str_digits getrecursionlimit is_finalizing thread_info
        """,
    ),
    ("time", "struct_time strptime asctime"),
    ("tokenize", "tokenize generate_tokens untokenize detect_encoding TokenInfo TokenError"),
    (
        "traceback",
        """
        format_exc format_exception format_exception_only format_list format_stack format_tb
        TracebackException StackSummary FrameSummary walk_tb extract_tb
        """,
    ),
    (
        "uuid",
        """
        UUID uuid3 uuid5 SafeUUID NAMESPACE_DNS NAMESPACE_URL NAMESPACE_OID NAMESPACE_X500 NIL MAX
        RESERVED_NCS RFC_4122 RESERVED_MICROSOFT RESERVED_FUTURE
        """,
    ),
    ("xml", "dom sax.saxutils parsers"),
    (
        "xml.etree.ElementTree",
        """
        Element ElementTree SubElement Comment ProcessingInstruction PI QName fromstring
        fromstringlist tostring tostringlist XML XMLID TreeBuilder XMLParser XMLPullParser
        ParseError indent iselement canonicalize register_namespace
        """,
    ),
)

SHIM: Final[tuple[tuple[Reason | None, str], ...]] = (
    (
        Reason.CLOCK,
        """
        datetime.datetime.now datetime.datetime.today datetime.datetime.utcnow datetime.date.today
        time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter
        time.perf_counter_ns time.localtime time.gmtime time.strftime
        asyncio.sleep asyncio.timeout asyncio.timeout_at asyncio.wait_for
        """,
    ),
    (
        Reason.RANDOM,
        """
        random.Random random.random random.uniform random.triangular random.randint random.choice
        random.randrange random.sample random.shuffle random.choices random.normalvariate
        random.lognormvariate random.expovariate random.vonmisesvariate random.gammavariate
        random.gauss random.betavariate random.paretovariate random.weibullvariate
        random.binomialvariate random.getstate random.setstate random.getrandbits random.randbytes
        random.seed uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7
        """,
    ),
    (Reason.ORDER, "asyncio.wait asyncio.as_completed"),
    (Reason.THREAD, "asyncio.to_thread"),
    (Reason.ENVIRONMENT, "os.environ os.getenv platform"),
    (None, "logging builtins.print"),
)

THIRD_PARTY_PURE: Final = """
pydantic pydantic_core annotated_types typing_extensions typing_inspection attr attrs cattrs msgspec
dateutil more_itertools toolz sortedcontainers packaging yarl multidict
pydantic_ai pydantic_graph
"""
