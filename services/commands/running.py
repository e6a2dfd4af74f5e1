"""run, migrate, replay: the host itself and what is done to its data."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated

import typer
from sqlalchemy import update

from services.composition import build_service, chosen, make, make_context, migrate_all, open_service
from shared.domain.errors import Conflict, Invalid
from shared.eventlog import failpoints
from shared.gc_pause import gc_paused_at_start
from shared.runtime.host import Host
from shared.runtime.logs import set_up_logs
from shared.runtime.settings import Settings, load_settings
from shared.runtime.terminal import AsJson, plain_errors, print_result

# A thread that computes gives way to one with work at hand after this long. By default (5 ms) each read and write of the
# gateway waits so long while records are handled.
GIVE_WAY_S = 0.001

app = typer.Typer()

Services = Annotated[list[str] | None, typer.Argument(help="permits, monitoring, alerts; none = all")]


@app.command()
def run(services: Services = None) -> None:
    """运行一个或全部服务 / Run one or all services until SIGTERM."""
    with plain_errors():
        settings = load_settings()
        set_up_logs(settings.log_format, settings.log_level)
        failpoints.arm(settings.crash_at)
        sys.setswitchinterval(GIVE_WAY_S)
        with gc_paused_at_start():
            made = make(settings, chosen(services or []))
            host = Host(made.context, made.services)
        host.on_ready = lambda url: _greet(url, settings)
        code = host.run()
    sys.exit(code)


def _greet(url: str, settings: Settings) -> None:
    if not sys.stdout.isatty():
        return
    typer.echo(f"预警 Yujing  {url}   HJ 212 {settings.gateway_host}:{settings.gateway_port}")
    token = settings.data_dir / "admin.token"
    if token.exists():
        typer.echo(f"令牌 token  {token.read_text(encoding='ascii').strip()}")


@app.command()
def migrate(services: Services = None, as_json: AsJson = False) -> None:
    """建立或升级主题与表 / Bring topics and tables up to date."""
    with plain_errors():
        context = make_context(load_settings())
        done = migrate_all(context, chosen(services or []))
        context.log.close()
    print_result({name: "upgraded" if changed else "up to date" for name, changed in done.items()}, as_json=as_json)


@app.command()
def replay(
    service: Annotated[str | None, typer.Argument(help="permits, monitoring, alerts")] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="YYYY-MM-DD，与 --to 同用 / with --to: days, not the log")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="YYYY-MM-DD，含当日 / this day included")] = None,
    topic: Annotated[str | None, typer.Option(help="one topic; none = all that the service reads")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do it")] = False,
    as_json: AsJson = False,
) -> None:
    """从头重读事件日志 / Read the event log again from offset zero; adds no effect.

    给出 --from 与 --to 时：逐日重新处理数据库与归档中的数据包并与现有判定比较，不作任何改变；有差异则退出码为 1。
    With --from and --to: the packets of these days, from database and archive, are taken and decided once more and compared
    with what stands; changes nothing, exit 1 when something would come out otherwise.
    """
    with plain_errors():
        if since is not None or to is not None:
            _replay_days(service or "monitoring", since, to, topic=topic, as_json=as_json)
            return
        if service is None:
            raise Invalid(
                "no service is named", field="SERVICE", rule="permits, monitoring or alerts; or --from and --to"
            )
        (name,) = chosen([service])
        if not yes:
            raise Conflict("replay reads everything again; say --yes to do it", code="not-confirmed")
        context = make_context(load_settings(), exclusive=False)
        made = build_service(context, name)
        table = made.progress.table
        with made.database.transaction() as session:
            statement = update(table).values(next_offset=0, epoch=table.c.epoch + 1)
            if topic:
                statement = statement.where(table.c.topic == topic)
            rows = session.connection().execute(statement).rowcount
        context.log.close()
    print_result({"service": name, "partitions": rows, "from": 0}, as_json=as_json)


def _replay_days(service: str, since: str | None, to: str | None, *, topic: str | None, as_json: bool) -> None:
    if since is None or to is None:
        missing = "--from" if since is None else "--to"
        raise Invalid("--from and --to go together", field=missing, rule="both days, as YYYY-MM-DD")
    (name,) = chosen([service])
    if name != "monitoring" or topic is not None:
        raise Invalid(
            "only monitoring has days of packets, and no topic",
            field="--from",
            value=since,
            rule="the service monitoring, and no topic",
        )
    from services.monitoring.commands import replay_span  # only here: the other verbs of this file need not wait for it

    replay_span(partial(open_service, name), since, to, as_json=as_json)
