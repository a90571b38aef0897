"""What workflow code may not use: why, and what to use instead."""

from __future__ import annotations

from typing import Final

from wfc.determinism.verdicts import Reason

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
        "a path as a parameter of the workflow, or a step that finds the file",
        """
        builtins.__file__ builtins.__path__ builtins.__cached__ builtins.__spec__
        builtins.__loader__
        """,
    ),
    (
        Reason.ENVIRONMENT,
        "an aware `datetime` with a named zone, or `calendar.timegm`",
        "time.mktime time.tzname time.timezone time.altzone time.daylight time.tzset time.ctime",
    ),
    (
        Reason.STATE,
        "the program's entry point, where logging is set up once for the process",
        """
        logging.basicConfig logging.disable logging.addLevelName logging.captureWarnings
        logging.shutdown logging.setLoggerClass logging.setLogRecordFactory logging.config
        logging.handlers logging.FileHandler
        """,
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

THIRD_PARTY_ROWS: Final[tuple[_Row, ...]] = (
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
        "`wfc.agent.DurableAgent`, which makes a step of each request to a model",
        "pydantic_ai.direct pydantic_ai.embeddings pydantic_ai.realtime pydantic_ai.common_tools",
        "WFC222",
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

REFUSED: Final = _STDLIB_REFUSED + THIRD_PARTY_ROWS
