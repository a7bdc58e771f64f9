"""SQLAlchemy's asyncio extension on each asyncio driver."""

PROGRAM = "sqlalchemy_sessions.py"


def test_sessions_on_asyncpg(on_both, postgres):
    on_both(PROGRAM, f"postgresql+asyncpg://tester:secret@127.0.0.1:{postgres.port}/postgres")


def test_sessions_on_aiomysql(on_both, mariadb):
    on_both(PROGRAM, f"mysql+aiomysql://tester:secret@127.0.0.1:{mariadb.port}/test")


def test_sessions_on_aiosqlite(on_both):
    on_both(PROGRAM, "sqlite+aiosqlite:///file.db")
