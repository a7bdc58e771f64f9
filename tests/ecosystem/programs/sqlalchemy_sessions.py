# SQLAlchemy's asyncio extension (greenlets): sessions, relations, run_sync, streamed results, its pool, cancellation. Argument: the
# database's URL.
import asyncio
import sys

import ran_on
from sqlalchemy import ForeignKey, String, event, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncAttrs, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload


class Base(AsyncAttrs, DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    books: Mapped[list["Book"]] = relationship(order_by="Book.id")


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(40))
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))


async def sessions(session):
    async with session.begin() as db:
        db.add_all([Author(name=f"author {a}", books=[Book(title=f"book {b}") for b in range(3)]) for a in range(100)])
    async with session() as db:
        author = (await db.scalars(select(Author).order_by(Author.id).limit(1))).one()
        print([book.title for book in await author.awaitable_attrs.books])
        authors = (await db.scalars(select(Author).options(selectinload(Author.books)))).all()
        print(len(authors), sum(len(author.books) for author in authors))
        print(await db.run_sync(lambda db: db.query(Book).filter_by(title="book 1").count()))
        rows = await db.stream(select(Book.title).order_by(Book.id).execution_options(yield_per=50))
        print([len(part) async for part in rows.partitions()])
        db.add(Author(name="author 1"))
        try:
            await db.commit()
        except IntegrityError:
            await db.rollback()
            print("rolled back", await db.scalar(select(func.count()).select_from(Author)))


async def users_of_a_pool(engine, session):
    async def user(number):
        async with session.begin() as db:
            author = await db.get(Author, number % 10 + 1)
            author.name = f"renamed by {number % 10}"
            await asyncio.sleep(0.001)
            return await db.scalar(select(func.count()).select_from(Book))

    print(sum(await asyncio.gather(*map(user, range(50)))), type(engine.pool).__name__, engine.pool.checkedout())


async def cancelled(engine, sleep):
    async def query():
        async with engine.connect() as connection:
            await connection.execute(text(sleep))

    sleeping = asyncio.create_task(query())
    await asyncio.sleep(0.1)
    sleeping.cancel()
    print(type((await asyncio.gather(sleeping, return_exceptions=True))[0]).__name__, engine.pool.checkedout())


async def main(url):
    ran_on.tell()
    engine = create_async_engine(url, pool_size=5, max_overflow=3)
    connections = []
    event.listen(engine.sync_engine, "connect", lambda connection, _record: connections.append(connection))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    session = async_sessionmaker(engine, expire_on_commit=False)
    await sessions(session)
    if not url.startswith("sqlite"):
        await users_of_a_pool(engine, session)
        await cancelled(engine, "SELECT pg_sleep(300)" if url.startswith("postgresql") else "SELECT SLEEP(300)")
    print(0 < len(connections) <= 9)
    await engine.dispose()


asyncio.run(main(sys.argv[1]))
print("OK")
