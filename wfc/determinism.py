"""The one table of effects, read by compiler, sandbox and linter, so they cannot disagree.

A row speaks for a dotted name and all below it; the longest prefix wins. A *mixed* module (a row
``time.*``) may be imported, but a member without a row of its own gets the verdict of the star.
The rows are text, parsed at the first question: importing this module costs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final


class Verdict(StrEnum):
    """What workflow code may do with a name."""

    PURE = "pure"
    SHIM = "shim"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why a name is refused, or what its shim replaces."""

    CLOCK = "clock"
    RANDOM = "random"
    NETWORK = "network"
    DISK = "disk"
    PROCESS = "process"
    THREAD = "thread"
    ENVIRONMENT = "environment"
    ADDRESS = "address"
    ORDER = "order"
    STATE = "state"
    REFLECTION = "reflection"
    UNKNOWN = "unknown"


CODES: Final[Mapping[Reason, str]] = {
    Reason.NETWORK: "WFC201",
    Reason.DISK: "WFC202",
    Reason.PROCESS: "WFC203",
    Reason.THREAD: "WFC204",
    Reason.RANDOM: "WFC205",
    Reason.ENVIRONMENT: "WFC206",
    Reason.CLOCK: "WFC207",
    Reason.ADDRESS: "WFC311",
    Reason.REFLECTION: "WFC230",
    Reason.ORDER: "WFC310",
    Reason.STATE: "WFC331",
    Reason.UNKNOWN: "WFC220",
}
"""The diagnostic of a refused name, by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The verdict on a dotted name and everything below it.

    `followed` marks a first-party name: it is not judged here, its own code is.
    """

    name: str
    verdict: Verdict
    reason: Reason | None = None
    instead: str = ""
    code: str = ""  # the diagnostic, if another than that of the reason
    followed: bool = False

    @property
    def diagnostic(self) -> str:
        """Give the code of the diagnostic that a use of a refused name is."""
        return self.code or (CODES[self.reason] if self.reason else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What `[tool.wfc]` adds to the table; part of every version."""

    packages: tuple[str, ...] = ()  # first party
    pure: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()  # variables that workflow code may read


NO_RULES: Final = Rules()


@lru_cache(maxsize=4096)
def lookup(name: str, rules: Rules = NO_RULES) -> Entry:
    """Give the verdict on `name`, a dotted name such as ``os.path.join`` or ``builtins.open``.

    The order is `rules.refused`, `rules.pure`, first party (`rules.packages`: an entry with
    `followed` set), the shipped table; else the name is of an unknown package and refused.
    """
    name = canonical(name)
    if refused := _prefix_in(name, rules.refused):
        return Entry(
            name=refused,
            verdict=Verdict.REFUSED,
            reason=Reason.UNKNOWN,
            instead="it stands in [tool.wfc] refused",
            code="WFC222",
        )
    if pure := _prefix_in(name, rules.pure):
        return Entry(name=pure, verdict=Verdict.PURE)
    if package := _prefix_in(name, rules.packages):
        return Entry(name=package, verdict=Verdict.PURE, followed=True)
    top = name.partition(".")[0]
    return _in_table(name) or Entry(
        name=top,
        verdict=Verdict.REFUSED,
        reason=Reason.UNKNOWN,
        instead="a step, or the package in [tool.wfc] pure if what is used of it is pure",
        code="WFC222" if top in _halves() else "",
    )


@cache
def _halves() -> frozenset[str]:
    """Give the packages of which only parts are pure."""
    return frozenset(name.partition(".")[0] for name in _THIRD_PARTY_PURE.split() if "." in name)


def canonical(name: str) -> str:
    """Give the name under which the table knows `name`: ``posixpath.join`` is ``os.path.join``."""
    for prefix in _prefixes(name):
        if prefix in _ALIASES:
            return canonical(_ALIASES[prefix] + name[len(prefix) :])
    return name


def is_stdlib(name: str) -> bool:
    """Tell whether `name` belongs to the standard library of any supported Python."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top in stdlib_names()


def is_mixed(module: str) -> bool:
    """Tell whether the members of `module` have verdicts of their own."""
    return f"{canonical(module)}.*" in table()


def shimmed() -> tuple[Entry, ...]:
    """List every row whose verdict is SHIM, for the sandbox to provide."""
    return tuple(entry for entry in table().values() if entry.verdict is Verdict.SHIM)


def _prefixes(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


def _prefix_in(name: str, listed: tuple[str, ...]) -> str | None:
    if not listed:
        return None
    return next((prefix for prefix in _prefixes(name) if prefix in listed), None)


def _in_table(name: str) -> Entry | None:
    rows = table()
    if name.rpartition(".")[2] in _MODULE_FACTS:
        name = name.rpartition(".")[0]
    for prefix in _prefixes(name):
        if prefix != name and (star := rows.get(f"{prefix}.*")) is not None:
            return star
        if (found := rows.get(prefix)) is not None:
            return found
    return None


@cache
def table() -> Mapping[str, Entry]:
    """Give every shipped row by name; a name that ends in ``.*`` speaks for unknown members."""
    rows: dict[str, Entry] = {}
    for names in (_PURE, _MIXED_MODULES, _THIRD_PARTY_PURE):
        rows |= {name: Entry(name=name, verdict=Verdict.PURE) for name in names.split()}
    for prefix, members in _PURE_MEMBERS:
        for member in members.split():
            rows[f"{prefix}.{member}"] = Entry(name=f"{prefix}.{member}", verdict=Verdict.PURE)
    for reason, names in _SHIM:
        for name in names.split():
            rows[name] = Entry(name=name, verdict=Verdict.SHIM, reason=reason)
    for reason, instead, names, *code in _REFUSED:
        for name in names.split():
            rows[name] = Entry(
                name=name,
                verdict=Verdict.REFUSED,
                reason=reason,
                instead=instead,
                code=code[0] if code else "",
            )
    return rows


@cache
def stdlib_names() -> frozenset[str]:
    """List the top-level names of the standard libraries of all supported Pythons."""
    third_party = {name.partition(".")[0] for name in _THIRD_PARTY_PURE.split()}
    third_party |= {name.partition(".")[0] for row in _THIRD_PARTY_ROWS for name in row[2].split()}
    listed = {name.partition(".")[0] for name in table()} | set(_ALIASES)
    return frozenset(name.partition(".")[0] for name in listed) - third_party - {"wfc"}


_MODULE_FACTS: Final = frozenset({"__name__", "__doc__", "__all__", "__version__"})
"""Members of a module that say no more than the module does."""

_ALIASES: Final[Mapping[str, str]] = {
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

_PURE: Final = """
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

_MIXED_MODULES: Final = """
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

_PURE_MEMBERS: Final[tuple[tuple[str, str], ...]] = (
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
        __build_class__ __debug__ __loader__ __package__ __spec__ __file__ __path__
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

_SHIM: Final[tuple[tuple[Reason | None, str], ...]] = (
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

_A_STEP: Final = "a step"
_PRINT: Final = "`print` or `logging`, which a replay keeps silent"
_NOTHING: Final = "nothing: workflow code may not look at the machinery that runs it"

_Row = tuple[Reason, str, str] | tuple[Reason, str, str, str]

_STDLIB_REFUSED: Final[tuple[_Row, ...]] = (
    (
        Reason.NETWORK,
        _A_STEP,
        """
        socket ssl select selectors socketserver http.client http.server http.cookiejar http.*
        urllib.request urllib.robotparser urllib.* ftplib smtplib smtpd imaplib poplib nntplib
        telnetlib xmlrpc wsgiref asyncore asynchat nis antigravity _overlapped
        asyncio.open_connection asyncio.start_server asyncio.open_unix_connection
        asyncio.start_unix_server asyncio.streams asyncio.StreamReader asyncio.StreamWriter
        """,
    ),
    (
        Reason.DISK,
        _A_STEP,
        """
        builtins.open io.* os.* os.path.* pathlib.* pathlib.Path.* pathlib.PosixPath.*
        pathlib.WindowsPath.* shutil glob tempfile fileinput mmap sqlite3 dbm shelve zipfile tarfile
        gzip bz2 lzma linecache importlib.resources importlib.metadata filecmp netrc mailbox mailcap
        mimetypes imghdr sndhdr chunk aifc wave sunau uu zipapp zipimport gettext pyclbr tokenize.*
        codecs.* configparser.ConfigParser.read configparser.ConfigParser.write configparser.*
        xml.* xml.etree.* xml.etree.ElementTree.* compression.* compression.zstd _zstd msilib
        ossaudiodev _posixshmem _msi
        """,
    ),
    (
        Reason.PROCESS,
        _A_STEP,
        """
        subprocess signal pty tty termios fcntl resource getpass atexit multiprocessing curses cmd
        code codeop readline rlcompleter pipes syslog webbrowser msvcrt winreg winsound tkinter
        turtle turtledemo idlelib pdb bdb cProfile profile pstats trace tracemalloc faulthandler
        doctest unittest venv ensurepip pydoc compileall py_compile tabnanny lib2to3 distutils
        argparse optparse getopt cgi cgitb modulefinder
        os.system os.popen os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp
        os.execvpe os.fork os.forkpty os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv
        os.spawnve os.spawnvp os.spawnvpe os.posix_spawn os.posix_spawnp os.kill os.killpg os.wait
        os.waitpid os.wait3 os.wait4 os.waitid os.getpid os.getppid os.abort os._exit os.nice
        os.startfile sys.* asyncio.subprocess asyncio.create_subprocess_exec
        asyncio.create_subprocess_shell builtins.input builtins.breakpoint builtins.exit
        builtins.quit builtins.help builtins.copyright builtins.credits builtins.license builtins.*
        _posixsubprocess _curses _curses_panel _tkinter _tracemalloc _lsprof _winapi _pyrepl
        _sitebuiltins _bootsubprocess _remote_debugging
        """,
    ),
    (
        Reason.PROCESS,
        _PRINT,
        """
        sys.stdout sys.stderr sys.__stdout__ sys.__stderr__ traceback.print_exc traceback.print_tb
        traceback.print_exception traceback.print_stack traceback.print_list traceback.print_last
        """,
    ),
    (Reason.CLOCK, "`await wfc.sleep(...)`", "time.sleep"),
    (
        Reason.CLOCK,
        "`datetime.now()` or `time.time()`, which read the run's clock",
        "time.* timeit email.utils.localtime email.utils.formatdate asyncio.Timeout",
    ),
    (
        Reason.THREAD,
        "a step, or `asyncio.Queue` and `asyncio.Lock`, which live on the run's loop",
        """
        threading _thread _threading_local concurrent.futures concurrent.interpreters queue sched
        asyncio.run_coroutine_threadsafe asyncio.wrap_future asyncio.*
        asyncio.AbstractEventLoop.run_in_executor asyncio.AbstractEventLoop.call_soon_threadsafe
        asyncio.AbstractEventLoop.set_default_executor
        asyncio.AbstractEventLoop.shutdown_default_executor
        _interpreters _interpchannels _interpqueues
        """,
    ),
    (
        Reason.THREAD,
        "`await`: the run has a loop already",
        """
        asyncio.run asyncio.Runner asyncio.new_event_loop asyncio.set_event_loop
        asyncio.AbstractEventLoop.run_until_complete asyncio.AbstractEventLoop.run_forever
        """,
        "WFC321",
    ),
    (
        Reason.THREAD,
        "a step, or what `asyncio` itself offers: the loop of a run has nothing of the host's",
        "asyncio.AbstractEventLoop.*",
        "WFC320",
    ),
    (
        Reason.RANDOM,
        "a step: a secret that a replay can draw again can be guessed",
        """
        secrets os.urandom os.getrandom random.SystemRandom random.* crypt _crypt uuid.*
        """,
    ),
    (
        Reason.RANDOM,
        "a step, or `random`, which is drawn from the run's seed",
        """
        statistics.NormalDist.samples statistics.kde_random statistics.* email.utils.make_msgid
        email.utils.* email.message.* email.*
        """,
    ),
    (
        Reason.ENVIRONMENT,
        "a parameter of the workflow, or a step",
        """
        os.environb os.getenvb os.putenv os.unsetenv os.cpu_count os.process_cpu_count os.uname
        os.getlogin os.getuid os.geteuid os.getgid os.getegid os.getgroups
        os.getloadavg os.get_terminal_size os.path.expanduser os.path.expandvars pathlib.Path.cwd
        pathlib.Path.home sys.argv sys.orig_argv sys.path sys.executable sys.prefix sys.exec_prefix
        sys.base_prefix sys.flags sys.stdin locale pwd grp spwd site sysconfig _sysconfig
        uuid.getnode _aix_support _android_support _apple_support _ios_support _scproxy
        """,
    ),
    (
        Reason.ENVIRONMENT,
        "an aware `datetime` with a named zone, or `calendar.timegm`",
        "time.mktime time.tzname time.timezone time.altzone time.daylight time.tzset time.ctime",
    ),
    (Reason.ADDRESS, "a field of the object: an address differs at each replay", "builtins.id"),
    (
        Reason.ADDRESS,
        "`hashlib` or a field: hashes of text and objects differ in each process",
        "builtins.hash",
    ),
    (
        Reason.REFLECTION,
        _NOTHING,
        """
        gc weakref inspect.stack inspect.currentframe inspect.trace inspect.* ctypes pickle
        pickletools copyreg marshal dis traceback.* sys._getframe sys._current_frames sys.settrace
        sys.setprofile sys.getrefcount sys.getsizeof sys.meta_path sys.path_hooks sys.monitoring
        """,
    ),
    (
        Reason.REFLECTION,
        "code that stands in the source, where the compiler can read it",
        """
        builtins.eval builtins.exec builtins.compile builtins.globals builtins.locals builtins.vars
        builtins.__import__ importlib pkgutil runpy sys.modules
        """,
        "WFC124",
    ),
)

_THIRD_PARTY_PURE: Final = """
pydantic pydantic_core annotated_types typing_extensions typing_inspection attr attrs cattrs msgspec
dateutil more_itertools toolz sortedcontainers packaging yarl multidict
pydantic_ai.messages pydantic_ai.usage pydantic_ai.exceptions pydantic_ai.settings
pydantic_ai.tools.RunContext pydantic_ai.tools.ToolDefinition
"""

_THIRD_PARTY_ROWS: Final[tuple[_Row, ...]] = (
    (
        Reason.NETWORK,
        "a step: the request would be sent again at each replay",
        "requests httpx httpcore aiohttp urllib3 websockets grpc",
    ),
    (
        Reason.NETWORK,
        "a step, and pass on what it returns: the service would be called again at each replay",
        "boto3 botocore aioboto3 stripe",
    ),
    (
        Reason.NETWORK,
        "a step, or `wfc.agent.DurableAgent`, which records each request to a model",
        "openai anthropic",
    ),
    (
        Reason.NETWORK,
        "a step that opens its own session: rows may have changed by the next replay",
        "redis psycopg psycopg2 asyncpg pymongo sqlalchemy django.db",
    ),
    (
        Reason.NETWORK,
        "a step: wfc records and retries it, so no second queue is needed",
        "celery",
    ),
    (
        Reason.STATE,
        "a step: numpy keeps global state and its results differ between builds and processors",
        "numpy",
        "WFC221",
    ),
    (
        Reason.NETWORK,
        "`wfc.start(...)` and its companions, which are recorded",
        "wfc.api",
        "WFC134",
    ),
)

_REFUSED: Final = _STDLIB_REFUSED + _THIRD_PARTY_ROWS
