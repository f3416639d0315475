"""Runs the original (optio-opencode 0.1.6) for tests: one JSON request a line on stdin, one JSON answer a line on stdout.

The first line says where: {"mongoUri", "database", "prefix", "key"}. With "key" (64 hex digits) its encryption hooks are
AES-256-GCM: a nonce of 12 bytes, the ciphertext, the tag. Every capture and every planting is a task of optio-core's own engine,
so what reaches the database is what the original writes.
"""

import asyncio
import datetime
import http.server
import json
import logging
import os
import sys
import threading
from types import SimpleNamespace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from motor.motor_asyncio import AsyncIOMotorClient
from optio_agents import seeds
from optio_core.lifecycle import Optio
from optio_core.models import TaskInstance
from optio_host.host import LocalHost
from optio_host.paths import task_dir
from optio_host.types import SSHConfig
from optio_opencode import (
    OPENCODE_SEED_MANIFEST,
    OPENCODE_SEED_SUFFIX,
    OpencodeTaskConfig,
    create_opencode_task,
    host_actions,
    list_seeds,
    purge_seed,
    session,
)


def aes_hooks(key):
    """The pair of hooks that the original is given, or none."""
    if key is None:
        return {"encrypt": None, "decrypt": None}
    cipher = AESGCM(bytes.fromhex(key))

    def encrypt(plain):
        nonce = os.urandom(12)
        return nonce + cipher.encrypt(nonce, plain, None)

    def decrypt(sealed):
        return cipher.decrypt(sealed[:12], sealed[12:], None)

    return {"encrypt": encrypt, "decrypt": decrypt}


def serve_installer():
    """The installer that the original pipes into a shell at every start: everything is in place."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"echo 'opencode ok'\n")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host_actions._SMART_INSTALL_URL = f"http://127.0.0.1:{server.server_port}/smart-install.sh"


class Driver:
    """What a request may ask for: every public method is an operation."""

    def __init__(self, optio, db, prefix, hooks):
        self._optio = optio
        self._store = SimpleNamespace(db=db, prefix=prefix)
        self._hooks = hooks

    async def captureSeed(self, processId):
        """The seed of <task root>/<processId>/workdir/home, which the test has made."""

        async def execute(ctx, host):
            return await seeds.capture_seed(
                ctx, host,
                manifest=OPENCODE_SEED_MANIFEST, suffix=OPENCODE_SEED_SUFFIX, encrypt=self._hooks["encrypt"],
            )

        return await self._in_task(processId, execute)

    async def plantSeed(self, processId, seedId):
        """Puts a seed into <task root>/<processId>/workdir/home."""

        async def execute(ctx, host):
            await host.setup_workdir()
            await seeds.merge_seed(
                ctx, host,
                seed_id=seedId,
                manifest=OPENCODE_SEED_MANIFEST, suffix=OPENCODE_SEED_SUFFIX, decrypt=self._hooks["decrypt"],
            )

        await self._in_task(processId, execute)

    async def listSeeds(self):
        return [
            {"seedId": seed["seedId"], "createdAt": f"{seed['createdAt'].isoformat()}Z"}
            for seed in await list_seeds(self._store)
        ]

    async def purgeSeed(self, seedId):
        await purge_seed(self._store, seedId)

    async def runSession(
        self, processId, instructions, opencodeDirectory, config, resume, autoStart, seedId, saveSeed, ssh, untilLive,
    ):
        """A whole session of the original, or with `untilLive` its start. `opencodeDirectory` holds a program named opencode."""
        saved = []
        task = create_opencode_task(
            processId, processId,
            OpencodeTaskConfig(
                consumer_instructions=instructions,
                ssh=None if ssh is None else SSHConfig(**ssh),
                opencode_config=config,
                opencode_install_dir=opencodeDirectory,
                install_if_missing=False,
                session_blob_encrypt=self._hooks["encrypt"],
                session_blob_decrypt=self._hooks["decrypt"],
                seed_id=seedId,
                on_seed_saved=(lambda seed, model: saved.append((seed, model))) if saveSeed else None,
                auto_start=autoStart,
            ),
        )
        begun = datetime.datetime.now(datetime.timezone.utc)
        process = await self._launch(task, resume, until="opencode is live" if untilLive else None)
        ended = datetime.datetime.now(datetime.timezone.utc)
        status = process["status"]
        log = process.get("log", [])
        times = [datetime.datetime.fromisoformat(entry["timestamp"]) for entry in log]
        return {
            "processOid": str(process["_id"]),
            "state": status["state"],
            "error": status.get("error"),
            "hasSavedState": process.get("hasSavedState", False),
            "seedId": saved[0][0] if saved else None,
            "model": saved[0][1] if saved else None,
            "log": [
                {"atMs": (at - begun).total_seconds() * 1000, "message": entry["message"]}
                for at, entry in zip(times, log)
            ],
            "tookMs": (ended - begun).total_seconds() * 1000,
        }

    async def captureSnapshot(self, processId, sessionId, opencode):
        """A snapshot of <task root>/<processId>/workdir, with the session that the program `opencode` exports."""

        async def execute(ctx, host):
            await session._capture_snapshot(
                ctx, host,
                session_id=sessionId,
                opencode_db=f"{host.taskdir}/opencode.db",
                end_state="done",
                workdir_exclude=None,
                opencode_executable=opencode,
                session_blob_encrypt=self._hooks["encrypt"],
            )

        return await self._in_task(processId, execute)

    async def restoreSnapshot(self, processId, into, opencode):
        """Restores the newest snapshot of a task into <task root>/<into>/workdir, as a resume does before it launches."""

        async def execute(ctx, host):
            await host.setup_workdir()
            snapshot = await session.load_latest_snapshot(ctx._db, prefix=ctx._prefix, process_id=processId)
            await host.restore_workdir(session._stream_blob(ctx, snapshot["workdirBlobId"]))
            sealed = await session._read_blob_bytes(ctx, snapshot["sessionBlobId"])
            await host_actions.opencode_import(
                host, f"{host.taskdir}/opencode.db", (self._hooks["decrypt"] or bytes)(sealed),
                opencode_executable=opencode,
            )
            return snapshot["sessionId"]

        return await self._in_task(into, execute)

    async def _in_task(self, process_id, execute):
        """Runs a step in a task of the engine, on a host of the task's own directory."""
        results = []

        async def body(ctx):
            host = LocalHost(taskdir=task_dir(ssh=None, process_id=process_id, consumer_name="optio-opencode"))
            results.append(await execute(ctx, host))

        process = await self._launch(TaskInstance(execute=body, process_id=process_id, name=process_id, supports_resume=True))
        if process["status"]["state"] != "done":
            raise RuntimeError(process["status"].get("error"))
        return {"processOid": str(process["_id"]), "value": results[0]}

    async def _launch(self, task, resume=False, until=None):
        """Runs a task to its end, or, where `until` is given, until it logs that; then it is left running."""
        await self._optio.adhoc_define(task)
        running = asyncio.create_task(self._optio.launch_and_wait(task.process_id, resume=resume, session_id=None))
        while until is not None and not running.done():
            process = await self._optio.get_process(task.process_id)
            if any(entry["message"] == until for entry in process.get("log", [])):
                return process
            await asyncio.sleep(0.02)
        await running
        return await self._optio.get_process(task.process_id)


async def main():
    # Progress of the engine is not the tests'; stdout carries answers only.
    logging.disable(logging.WARNING)
    serve_installer()
    place = json.loads(sys.stdin.readline())
    db = AsyncIOMotorClient(place["mongoUri"])[place["database"]]
    optio = Optio()
    await optio.init(mongo_db=db, prefix=place["prefix"])
    driver = Driver(optio, db, place["prefix"], aes_hooks(place.get("key")))
    print(json.dumps({"ready": True}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        try:
            answer = {"result": await getattr(driver, request["operation"])(**request["parameters"])}
        except Exception as error:  # noqa: BLE001
            answer = {"failure": {"type": type(error).__name__, "message": str(error)}}
        print(json.dumps({"id": request["id"], **answer}), flush=True)
    try:
        # Over SSH a session of the original never ends.
        await asyncio.wait_for(optio.shutdown(grace_seconds=0), 5)
    finally:
        os._exit(0)


asyncio.run(main())
