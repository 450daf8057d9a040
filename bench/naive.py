"""What one writes first: a model, a session, an INSERT and a commit for each event."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import BigInteger, DateTime, Numeric, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncAttrs, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(os.environ["BENCH_DATABASE_URL"], pool_size=16)
session = async_sessionmaker(engine, expire_on_commit=False)


class Base(AsyncAttrs, DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "naive_events"
    __table_args__ = (UniqueConstraint("customer", "key"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    customer: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    meter: Mapped[str] = mapped_column(Text)
    quantity: Mapped[Decimal] = mapped_column(Numeric)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Event(BaseModel):
    customer_external_id: str
    idempotency_key: str
    meter: str
    quantity: Decimal
    timestamp: datetime


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/events", status_code=201)
async def create(event: Event) -> dict[str, str]:
    row = {
        "customer": event.customer_external_id,
        "key": event.idempotency_key,
        "meter": event.meter,
        "quantity": event.quantity,
        "at": event.timestamp,
    }
    async with session() as one:
        await one.execute(insert(Row).values(row).on_conflict_do_nothing())
        await one.commit()
    return {"status": "accepted"}
