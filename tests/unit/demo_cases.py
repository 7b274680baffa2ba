"""Expressions over the demo patterns and the values they must give, keyed by run id.

Each expression is evaluated in the namespace left behind by the pattern's code, so it can
use the pattern's functions and whatever the pattern imports. An exception class as the
expected value means that the expression must raise it.
"""

from argparse import ArgumentTypeError
from datetime import date, datetime, timedelta

Case = tuple[str, object]

MONDAY = datetime.fromisoformat("2024-05-06")
MEETINGS = (
    "[(datetime(2024, 5, 6, 9), datetime(2024, 5, 6, 10)),"
    " (datetime(2024, 5, 6, 9, 30), datetime(2024, 5, 6, 11)),"
    " (datetime(2024, 5, 6, 16), datetime(2024, 5, 6, 20))]"
)
OFFICE_HOURS = "datetime(2024, 5, 6, 9), datetime(2024, 5, 6, 17)"
ROADS = "{'a': {'b': 1, 'c': 5}, 'b': {'c': 1, 'd': 9}, 'c': {'d': 1}, 'e': {}}"
LINK_HEADER = (
    '\'<https://x.test/r?page=2>; rel="next", </r?page=9,9>; title="a,b"; rel="last end"\''
)
PAGE = '<a href="/a#top">A</a><a href=b>B</a><a href="mailto:x@y">M</a><a href="/a">A</a>'
FEED = (
    "'<rss><channel><title>Blog</title><item><title> Hello\\n world </title>"
    "<link>https://x.test/1</link><pubDate>Mon, 06 May 2024 12:00:00 +0200</pubDate></item>"
    "<item><pubDate>soon</pubDate></item></channel></rss>'"
)
TABLE = (
    "'<table><tr><th>Name<th>Age</tr><tr><td>Ann <b>Lee</b></td><td>41</td><td>x</td></tr>"
    "<tr><td>Bo</td></tr></table><table><tr><td>other</td></tr></table>'"
)
ACCESS_LOG = (
    '[\'1.2.3.4 - - [06/May/2024:10:00:00 +0000] "GET /a?q=1 HTTP/1.1" 200 12 "-" "x"\','
    ' \'1.2.3.4 - - [06/May/2024:10:00:01 +0000] "GET /b HTTP/1.1" 502 12 "-" "x"\','
    ' \'1.2.3.4 - - [06/May/2024:10:00:02 +0000] "POST /b HTTP/1.1" 404 12 "-" "x"\','
    " 'garbage', '']"
)
JUNIT = (
    "'<testsuites><testsuite>"
    '<testcase classname="m" name="ok" time="0.5"/>'
    '<testcase classname="m" name="bad" time="1,200.0"><failure/></testcase>'
    '<testcase name="boom"><error/></testcase>'
    '<testcase classname="m" name="later" time=""><skipped/></testcase>'
    "</testsuite></testsuites>'"
)
COMMITS = (
    "['feat(api): add search', 'fix: stop crash', 'fix: stop crash', 'chore: tidy',"
    " 'Merge branch x', 'refactor!: drop py2', 'fix: b\\n\\nBREAKING CHANGE: c']"
)
DOCUMENT = "'# Title\\n## Use it!\\n```sh\\n# not this\\n```\\n## Use it!\\n#### Deep\\n#hashtag'"

CASES: dict[str, list[Case]] = {
    "demo-001": [
        (
            "typed_rows('id,zip,price,ok,note\\n7,00420,-1.5e3,TRUE,\\n8,1')",
            [
                {"id": 7, "zip": "00420", "price": -1500.0, "ok": True, "note": None},
                {"id": 8, "zip": 1, "price": None, "ok": None, "note": None},
            ],
        ),
        ("typed_rows('\\ufeffa\\n\"x,\\ny\"')", [{"a": "x,\ny"}]),
        ("[coerce('nan'), coerce('1_000'), coerce('.5'), coerce('0')]", ["nan", "1_000", 0.5, 0]),
        ("typed_rows('')", []),
        ("typed_rows('a\\n1,2')", ValueError),
    ],
    "demo-002": [
        (
            "flatten({'a': {'b': [1, {'c': None}]}, 'd': [], 'e': {}})",
            {"a.b.0": 1, "a.b.1.c": None, "d": [], "e": {}},
        ),
        ("flatten({})", {}),
        ("flatten({'a.b': 1, 'a': {'b': 2}})", ValueError),
    ],
    "demo-003": [
        (
            "merge_settings({'a': {'x': 1, 'y': 2}, 'b': [1]}, {'a': {'y': None}, 'b': [2]})",
            {"a": {"x": 1}, "b": [2]},
        ),
        ("merge_settings({'a': 1}, {'a': {'b': {'c': None}}})", {"a": {"b": {}}}),
        (
            "(d := {'a': {'b': [1]}}, merge_settings(d, {})['a']['b'].append(2), d)[-1]",
            {"a": {"b": [1]}},
        ),
    ],
    "demo-004": [
        (
            "list(month_chunks(date(2024, 1, 30), date(2024, 3, 1)))",
            [
                (date(2024, 1, 30), date(2024, 1, 31)),
                (date(2024, 2, 1), date(2024, 2, 29)),
                (date(2024, 3, 1), date(2024, 3, 1)),
            ],
        ),
        (
            "list(month_chunks(date(2023, 12, 5), date(2023, 12, 5)))",
            [(date(2023, 12, 5), date(2023, 12, 5))],
        ),
        ("list(month_chunks(date(2024, 2, 2), date(2024, 2, 1)))", ValueError),
    ],
    "demo-005": [
        ("add_working_days(date(2024, 5, 3), 1)", date(2024, 5, 6)),
        ("add_working_days(date(2024, 5, 3), 2, [date(2024, 5, 6)])", date(2024, 5, 8)),
        ("add_working_days(date(2024, 5, 6), -1)", date(2024, 5, 3)),
        ("add_working_days(date(2024, 5, 4), 0)", date(2024, 5, 6)),
        ("add_working_days(date(2024, 5, 7), 0)", date(2024, 5, 7)),
    ],
    "demo-006": [
        (
            "[parse_duration(t) for t in ('1h 30m', '2D', '500ms', ' 90 ', '1.5h')]",
            [5400.0, 172800.0, 0.5, 90.0, 5400.0],
        ),
        ("parse_duration('5 minutes')", ValueError),
        ("parse_duration('1h 2h')", ValueError),
        ("parse_duration('')", ValueError),
    ],
    "demo-007": [
        ("read_ndjson(['{\"a\": 1}\\n', '\\n', '{bad', '[1]']).records", [{"a": 1}]),
        ("[n for n, _ in read_ndjson(['{\"a\": 1}\\n', '\\n', '{bad', '[1]']).errors]", [3, 4]),
        ("read_ndjson(['[1]']).errors", [(1, "expected an object, found list")]),
        ("read_ndjson([]) == NdjsonResult()", True),
    ],
    "demo-008": [
        (
            (
                "newest_per_email(["
                "{'email': 'A@x.io ', 'updated_at': '2024-01-01T10:00:00Z', 'n': '1'},"
                "{'email': '', 'updated_at': '2024-01-01', 'n': '2'},"
                "{'email': 'a@X.io', 'updated_at': '2024-01-01T10:30:00+01:00', 'n': '3'},"
                "{'email': '', 'updated_at': '2024-01-01', 'n': '4'},"
                "{'email': 'a@x.io', 'updated_at': '2024-01-01T10:00:00', 'n': '5'}])"
            ),
            [
                {"email": "a@x.io", "updated_at": "2024-01-01T10:00:00", "n": "5"},
                {"email": "", "updated_at": "2024-01-01", "n": "2"},
                {"email": "", "updated_at": "2024-01-01", "n": "4"},
            ],
        ),
        ("newest_per_email([])", []),
    ],
    "demo-009": [
        (
            (
                "pivot([{'r': 'N', 'q': 'Q1', 'v': 5}, {'r': 'S', 'q': 'Q2', 'v': 7},"
                " {'r': 'N', 'q': 'Q1', 'v': 1}], index='r', column='q', value='v')"
            ),
            [{"r": "N", "Q1": 6, "Q2": 0}, {"r": "S", "Q1": 0, "Q2": 7}],
        ),
        ("pivot([], index='r', column='q', value='v')", []),
        ("pivot([{'r': 1, 'q': 'r', 'v': 1}], index='r', column='q', value='v')", ValueError),
    ],
    "demo-011": [
        (
            "build_stages({'app': ['lib', 'css'], 'lib': ['base'], 'docs': []})",
            [["base", "css", "docs"], ["lib"], ["app"]],
        ),
        ("build_stages({})", []),
        ("build_stages({'a': ['b'], 'b': ['a']})", ValueError),
    ],
    "demo-012": [
        (f"cheapest_route({ROADS}, 'a', 'd')", (3.0, ["a", "b", "c", "d"])),
        (f"cheapest_route({ROADS}, 'a', 'a')", (0.0, ["a"])),
        (f"cheapest_route({ROADS}, 'd', 'a')", None),
        ("cheapest_route({'a': {'b': -1}}, 'a', 'c')", ValueError),
    ],
    "demo-013": [
        (
            f"free_gaps({MEETINGS}, {OFFICE_HOURS}, timedelta(minutes=30))",
            [(MONDAY + timedelta(hours=11), MONDAY + timedelta(hours=16))],
        ),
        (f"free_gaps({MEETINGS}, {OFFICE_HOURS}, timedelta(hours=6))", []),
        (f"len(free_gaps({MEETINGS}, {OFFICE_HOURS}, timedelta(hours=5)))", 1),
        (f"len(free_gaps({MEETINGS}, {OFFICE_HOURS}, timedelta(0)))", 1),
        (f"len(free_gaps([], {OFFICE_HOURS}, timedelta(hours=8)))", 1),
        (
            f"free_gaps([], {OFFICE_HOURS}, timedelta(0))",
            [(MONDAY + timedelta(hours=9), MONDAY + timedelta(hours=17))],
        ),
        ("merge_slots([(datetime(2024, 5, 6), datetime(2024, 5, 6))])", []),
    ],
    "demo-014": [
        ("Completer(['car', 'Cat', 'cat', 'dog']).suggest('CA')", ["cat", "car"]),
        ("Completer(['car', 'cab', 'cat']).suggest('ca', limit=2)", ["cab", "car"]),
        ("(c := Completer(['a']), c.learn('ab'), c.learn('ab'), c.suggest(''))[-1]", ["ab", "a"]),
        ("(c := Completer(['a']), c.learn('A'), c.suggest('a'))[-1]", ["a"]),
        ("Completer().suggest('x')", []),
    ],
    "demo-015": [
        (
            "cluster_accounts({'a': ['x@y', '1'], 'b': ['2'], 'c': ['2 ', '1'], 'd': ['', 'z']})",
            [["a", "b", "c"], ["d"]],
        ),
        ("cluster_accounts({'a': [''], 'b': ['']})", [["a"], ["b"]]),
        ("cluster_accounts({})", []),
    ],
    "demo-016": [
        ("did_you_mean('comit', ['clone', 'commit', 'checkout'])", "commit"),
        ("did_you_mean('zzz', ['clone', 'commit'])", None),
        ("did_you_mean('Push', ['push', 'pull'])", "push"),
        ("did_you_mean('x', [])", None),
        ("edit_distance('kitten', 'sitting', 5)", 3),
        ("edit_distance('', 'abc', 3)", 3),
        ("edit_distance('kitten', 'sitting', 2)", 3),
    ],
    "demo-017": [
        ("list(sliding_max(iter([1, 3, 2, 0, 0, 5]), 3))", [3, 3, 2, 5]),
        ("list(sliding_max([4, 4, 1], 1))", [4, 4, 1]),
        ("list(sliding_max([1, 2], 3))", []),
        ("list(sliding_max([1], 0))", ValueError),
    ],
    "demo-021": [
        (
            "[byte_size(t) for t in ('10MB', '1.5GiB', '512', '0', '2 kib', '7b')]",
            [10_000_000, 1_610_612_736, 512, 0, 2048, 7],
        ),
        *((f"byte_size({text!r})", ArgumentTypeError) for text in ("", "10XB", "1.5", "-1", "3ib")),
    ],
    "demo-023": [
        (
            (
                "expired_backups([f'db-2024-05-{d:02}.gz' for d in range(1, 32)],"
                " daily=2, weekly=2, monthly=1)"
            ),
            [f"db-2024-05-{d:02}.gz" for d in range(1, 32) if d not in {26, 30, 31}],
        ),
        ("expired_backups(['notes.txt', 'db-2024-13-45.gz'], 0, 0, 0)", []),
        ("expired_backups(['db-2020-01-01.gz'], 1, 0, 0)", []),
        ("expired_backups(['db-2020-01-01.gz'], 0, 0, 0)", ["db-2020-01-01.gz"]),
    ],
    "demo-026": [
        (
            f"extract_links({PAGE!r}, 'https://x.test/dir/page')",
            ["https://x.test/a", "https://x.test/dir/b"],
        ),
        (
            "extract_links('<base href=\"/v2/\"><a href=\"p?x=1&amp;y=2\">', 'https://x.test/')",
            ["https://x.test/v2/p?x=1&y=2"],
        ),
        ("extract_links('<a name=top></a>', 'https://x.test/')", []),
    ],
    "demo-027": [
        (
            "canonical_url('HTTPS://Example.com:443?b=2&utm_source=x&a=&b=1&gclid=9#top')",
            "https://example.com/?a=&b=2&b=1",
        ),
        ("canonical_url('http://[::1]:8080/x')", "http://[::1]:8080/x"),
        ("canonical_url('/relative')", ValueError),
    ],
    "demo-028": [
        (
            f"parse_link_header({LINK_HEADER}, 'https://x.test/r')",
            {
                "next": "https://x.test/r?page=2",
                "last": "https://x.test/r?page=9,9",
                "end": "https://x.test/r?page=9,9",
            },
        ),
        ("parse_link_header('<a>; rel=next, <b>; rel=next')", {"next": "a"}),
        ("parse_link_header('')", {}),
    ],
    "demo-029": [
        ("choose_language('fr;q=0.5, de-AT', ['en', 'de', 'fr'], 'en')", "de"),
        ("choose_language('es, fr;q=0.2, en;q=0.1', ['en', 'fr'], 'en')", "fr"),
        ("choose_language('fr;q=0, *', ['fr', 'en'], 'fr')", "en"),
        ("choose_language('fr;q=junk', ['fr', 'en'], 'en')", "en"),
        ("choose_language('', ['fr'], 'en')", "en"),
    ],
    "demo-031": [
        (
            f"[(i.title, i.link, i.published and i.published.hour) for i in read_rss({FEED})]",
            [("Hello world", "https://x.test/1", 10), ("(untitled)", "", None)],
        ),
        ("read_rss('<rss><channel/></rss>')", []),
        ("read_rss('<!DOCTYPE rss><rss/>')", ValueError),
    ],
    "demo-032": [
        (
            f"first_table({TABLE})",
            [{"Name": "Ann Lee", "Age": "41"}, {"Name": "Bo", "Age": ""}],
        ),
        ("first_table('<p>no table</p>')", []),
        ("first_table('<table><tr><th>A</th></tr></table>')", []),
    ],
    "demo-033": [
        (
            (
                "{p: (s.requests, s.server_errors, s.error_rate) for p, s in "
                f"summarise({ACCESS_LOG})[0].items()}}"
            ),
            {"/b": (2, 1, 0.5), "/a": (1, 0, 0.0)},
        ),
        (f"list(summarise({ACCESS_LOG})[0])", ["/b", "/a"]),
        (f"summarise({ACCESS_LOG})[1]", 1),
        ("PathStats().error_rate", 0.0),
    ],
    "demo-037": [
        ("sorted(timer_units('db', ['/bin/dump']))", ["db.service", "db.timer"]),
        (
            (
                "timer_units('db', ['/bin/dump', '--to=50%', 'a \"b\" $c'])['db.service']"
                ".splitlines()[-1]"
            ),
            'ExecStart=/bin/dump "--to=50%%" "a \\"b\\" $$c"',
        ),
        ("'OnCalendar=daily\\n' in timer_units('db', ['/x'], 'daily')['db.timer']", True),
        ("timer_units('db', ['dump'])", ValueError),
        ("timer_units('db', ['/x', 'a\\nb'])", ValueError),
    ],
    "demo-038": [
        (
            "next(next_runs('*/15 8-18/2 * * 1-5', datetime(2024, 5, 3, 18, 45)))",
            datetime.fromisoformat("2024-05-06T08:00"),
        ),
        (
            "next(next_runs('0 0 29 2 *', datetime(2024, 2, 29)))",
            datetime.fromisoformat("2028-02-29"),
        ),
        (
            "next(next_runs('30 6 13 * 7', datetime(2024, 5, 6)))",
            datetime.fromisoformat("2024-05-12T06:30"),
        ),
        ("list(next_runs('0 0 31 2 *', datetime(2024, 1, 1)))", []),
        ("next(next_runs('61 * * * *', datetime(2024, 1, 1)))", ValueError),
        ("next(next_runs('* * *', datetime(2024, 1, 1)))", ValueError),
    ],
    "demo-039": [
        (
            (
                "diff_ini('[DEFAULT]\\na=1\\n[Web]\\nPort=80\\nhost=%(x)s',"
                " '[DEFAULT]\\na=1\\n[Web]\\nPort=81\\nport=9\\nflag')"
            ),
            [
                "~ [Web] Port: 80 -> 81",
                "+ [Web] flag = ",
                "- [Web] host = %(x)s",
                "+ [Web] port = 9",
            ],
        ),
        ("diff_ini('[a]\\nb=1', '[a]\\nb = 1')", []),
        ("diff_ini('', '')", []),
    ],
    "demo-048": [
        (
            "redact('GET https://bob:hunter2@x.test?api_key=abc&page=2')",
            "GET https://bob:[REDACTED]@x.test?api_key=[REDACTED]&page=2",
        ),
        (
            'redact(\'{"db_password": "a \\\\" b", "user": "ann"}\')',
            '{"db_password": "[REDACTED]", "user": "ann"}',
        ),
        ("redact('Authorization: Basic dTpw')", "Authorization: Basic [REDACTED]"),
        ("redact('sent Bearer ' + 'x.y-z_' * 4)", "sent Bearer [REDACTED]"),
        ("redact('key ghp_' + 'a' * 36 + ' used')", "key [REDACTED] used"),
        (
            "redact('basic authentication failed, max_tokens=5')",
            "basic authentication failed, max_tokens=5",
        ),
        ("redact(redact('token=abc')) == redact('token=abc')", True),
    ],
    "demo-051": [
        ("totp('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', 59 // 30, digits=8)", "94287082"),
        ("totp('gezd gnbv gy3t qojq gezd gnbv gy3t qojq', 1111111109 // 30)", "081804"),
        ("verify_totp('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', '287 082', now=89)", 1),
        ("verify_totp('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', '287082', now=0)", 1),
        ("verify_totp('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', '287082', now=89, last_used=1)", None),
        ("verify_totp('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', '287082', now=120)", None),
    ],
    "demo-055": [
        ("shrink(list(range(100)), lambda xs: 17 in xs and 83 in xs)", [17, 83]),
        ("shrink('abcXdefX', lambda xs: xs.count('X') > 1)", ["X", "X"]),
        ("shrink([1, 2, 3], lambda xs: True)", []),
        ("shrink([1], lambda xs: False)", ValueError),
    ],
    "demo-056": [
        (
            f"(lambda r: (r.total, r.skipped, r.passed, r.failed))(summarise_junit({JUNIT}))",
            (4, 1, 1, ["m::bad", "boom"]),
        ),
        (f"summarise_junit({JUNIT}, top=2).slowest", [("m::bad", 1200.0), ("m::ok", 0.5)]),
        ("summarise_junit('<testsuite/>').total", 0),
    ],
    "demo-057": [
        (
            "latency_summary([40.0, 10.0, float('nan'), 20.0, 30.0])",
            {"count": 4, "mean": 25.0, "p50": 25.0, "p95": 38.5, "p99": 39.7, "max": 40.0},
        ),
        ("latency_summary([7.0])['p99']", 7.0),
        ("latency_summary([])", {"count": 0}),
        ("percentile([1.0], 101)", ValueError),
    ],
    "demo-060": [
        ("outliers([10.0, 10.2, 9.9, 10.1, 25.0, 10.0, -3.0])", [4, 6]),
        ("outliers([5.0] * 20 + [9.0])", [20]),
        ("outliers([5.0, 5.0])", []),
        ("outliers([])", []),
    ],
    "demo-061": [
        (
            "markdown_table([{'name': 'a|b', 'n': 5}, {'name': 'x\\ny', 'n': 100}])",
            "| name   |   n |\n| ------ | --: |\n| a\\|b   |   5 |\n| x<br>y | 100 |\n",
        ),
        (
            "markdown_table([{'a': True}, {'b': None}])",
            "| a    | b   |\n| ---- | --- |\n| True |     |\n|      |     |\n",
        ),
        ("markdown_table([])", ""),
    ],
    "demo-062": [
        (
            f"changelog_section('1.2.0', '2024-05-06', {COMMITS})",
            (
                "## 1.2.0 (2024-05-06)\n\n### Breaking\n\n- drop py2\n- b\n\n"
                "### Added\n\n- **api:** add search\n\n### Fixed\n\n- stop crash\n"
            ),
        ),
        ("changelog_section('1', 'd', ['chore: x'])", "## 1 (d)\n\nNo notable changes.\n"),
    ],
    "demo-063": [
        (
            f"table_of_contents({DOCUMENT})",
            "- [Title](#title)\n  - [Use it!](#use-it)\n  - [Use it!](#use-it-1)",
        ),
        ("table_of_contents('### A ###\\n# `b` c')", "    - [A](#a)\n- [`b` c](#b-c)"),
        ("table_of_contents('plain text')", ""),
    ],
}
