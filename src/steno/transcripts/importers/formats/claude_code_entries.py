"""Lines of Claude Code to entries: what each tells, with the little that earlier lines say of it.

Strategy: one function for each type of line. What came before matters in two places: a compaction
is a boundary line and, after it, a line with the summary, which together are one fact; and a
``summary`` line says something of this conversation only if it names the line before it, since the
others were copied from elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.transcripts.importers.formats.claude_code_lines import (
    Block,
    Compaction,
    Line,
    LineReader,
    read_line,
)
from steno.transcripts.importers.formats.claude_code_replies import (
    describe_retry,
    noted,
    plain_text,
    reply_of,
    text_of,
)
from steno.transcripts.importers.model import (
    Aborted,
    Entry,
    Fact,
    Noted,
    Returned,
    Said,
    Summarised,
)
from steno.transcripts.importers.times import read_time
from steno.wire.providers import reading

if TYPE_CHECKING:
    from steno.transcripts.values import Value

CHAIN = frozenset({"user", "assistant", "system", "progress", "attachment"})
"""Types of lines that make the conversation."""

SIDE = frozenset({
    "agent-color", "agent-name", "agent-setting", "ai-title", "api-request", "api-request-blob",
    "api-request-resumed", "api-request-shape", "artifact-autoreact-ledger",
    "artifact-comment-monitor", "atis-latch", "attribution-snapshot", "bridge-session",
    "content-replacement", "continued-in", "cost-state", "custom-title", "data-flow-incomplete",
    "data-flow-records", "derived-from", "dev-mods", "ended-by-model", "file-history-delta",
    "file-history-snapshot", "fork-context-ref", "frame-link", "history-suppression",
    "isolation-latch", "last-prompt", "marble-origami-commit", "marble-origami-reset",
    "marble-origami-snapshot", "memory-mode", "mode", "observer-ref", "permission-mode",
    "pr-link", "queue-operation", "relocated", "resume-head-vouch", "session-owner",
    "speculation-accept", "summary", "tag", "task-summary", "tools-used", "worktree-state",
})  # fmt: skip
"""Types of lines about the conversation: titles, settings, snapshots, requests as they went."""

_SUBTYPES = frozenset({
    "agents_killed", "api_error", "away_summary", "bridge_status", "compact_boundary",
    "file_snapshot", "informational", "local_command", "memory_saved", "microcompact_boundary",
    "model_consent_fallback", "model_fallback", "model_refusal_fallback", "permission_retry",
    "scheduled_task_fire", "stop_hook_summary", "turn_duration",
})  # fmt: skip

_ATTACHMENTS = frozenset({
    "account_memory_recall", "advisor_stripped", "advisor_tool", "agent_ask_notice",
    "agent_listing_delta", "agent_mention", "already_read_file", "async_hook_response",
    "async_hook_response_batch", "at_mention_reference", "attention_budget", "auto_mode",
    "auto_mode_exit", "bash_output_audience_note", "batching_reminder", "batching_reminder_sent",
    "budget_usd", "claude_app_notice", "command_permissions", "compact_file_reference",
    "compaction_reminder", "companion_intro", "context_efficiency", "context_sections",
    "coordinator_context", "credential_org", "critical_system_reminder", "current_session_memory",
    "date", "date_change", "deferred_tools_delta", "deferred_tools_record", "diagnostics",
    "directory", "dynamic_skill", "edited_image_file", "edited_text_file",
    "elapsed_time_reminder", "environment", "file", "first_week", "fork_briefing", "goal_status",
    "hook_additional_context", "hook_blocking_error", "hook_cancelled", "hook_deferred_tool",
    "hook_error_during_execution", "hook_non_blocking_error", "hook_permission_decision",
    "hook_stopped_continuation", "hook_success", "hook_system_message", "inlined_image_paths",
    "instruction_files_not_loaded", "instructions", "invoked_skills", "language",
    "linked_plugin_tools_note", "max_turns_reached", "mcp_dropped_tools_delta",
    "mcp_instructions_delta", "mcp_resource", "memory_update", "message_pdf_reads", "model",
    "nested_memory", "opened_file_in_ide", "output_limit_note", "output_style",
    "output_style_instructions", "output_token_usage", "pdf_reference", "peer_mention",
    "plan_file_reference", "plan_mode", "plan_mode_exit", "plan_mode_reentry", "poll_events",
    "prefix_delta", "project_doc_reads", "projects_thread_ask", "prompt_as_file",
    "prompt_render_point", "prompt_snapshot", "queued_command", "read_truncation_notice",
    "relevant_memories", "remote_session_change", "repl_mcp_needs_auth", "repl_mcp_servers",
    "sandbox_instructions", "secondary_reminder", "secondary_reminder_sent",
    "selected_lines_in_diff", "selected_lines_in_ide", "session_context", "session_cron_carry",
    "silent_turn_reminder", "skill_listing", "skill_mention", "structured_output",
    "task_progress", "task_reminder", "task_status", "team_context", "teammate_mailbox",
    "teammate_shutdown_batch", "thinking_drop", "thinking_stripped", "thread_state",
    "todo_reminder", "token_usage", "tool_host_result_lines", "tool_hosts_correction",
    "tool_hosts_notice", "tool_offer_record", "tool_results_cut", "tool_search_usage_reminder",
    "total_tokens_reminder", "ultra_effort_enter", "ultra_effort_exit", "ultramemory",
    "ultrathink_effort", "unknown_command_fallback", "verify_plan_reminder",
    "whole_texts_withdrawn", "widget_context_hint", "withheld_memory", "workflow_keyword_request",
    "workflow_size_guideline_change",
})  # fmt: skip

_PROGRESS = frozenset({
    "agent_progress", "bash_progress", "hook_progress", "mcp_progress", "query_update",
    "search_results_received", "skill_progress", "waiting_for_task",
})  # fmt: skip

_INTERRUPTED = "[Request interrupted by user]"
_TOOL_INTERRUPTED = "[Request interrupted by user for tool use]"
_CANCELLED = "cancelled: interrupted by the user"
_LOCAL_COMMANDS = (
    "add-dir|agents|allowed-tools|background|bashes|bug|clear|color|compact|config|context|copy"
    "|cost|desktop|doctor|effort|exit|export|extra-usage|fast|feedback|files|fork|help|hooks|ide"
    "|install-github-app|keybindings|login|logout|mcp|memory|migrate-installer|mobile|model"
    "|output-style|passes|permissions|plan|plugin|privacy-settings|quit|release-notes"
    "|reload-plugins|remote-control|remote-env|rename|resume|rewind|sandbox|skills|stats|status"
    "|stickers|tag|tasks|terminal-setup|theme|todos|upgrade|usage|vim"
)
_LOCAL = re.compile(
    r"\s*(?:<(?:local-command-(?:stdout|stderr|caveat)|bash-(?:input|stdout|stderr)"
    r"|user-memory-input)>|Caveat: The messages below were generated by the user while running"
    r"|(?:<command-message>[^<]*</command-message>\s*)?"
    rf"<command-name>/?(?:{_LOCAL_COMMANDS})</command-name>)"
)
"""Beginnings of what was done in the terminal and asks the model for nothing; the commands that are
not among these are prompts, the user's own ones among them."""
_BY_ROLE = "the type of a line that has none, by its role"
_NAMELESS = "which sub-agent a message is a copy of"
_MAX_KIND = 80


def agent_conversation(session: str, agent: str) -> str:
    """Name the conversation of a sub-agent of a session."""
    return f"{session}-agent-{agent}"


class _Told(Struct, gc=False, frozen=True):
    """What a line tells, and how it is known."""

    kind: str
    facts: tuple[Fact, ...] = ()
    known: bool = True
    replayed_from: str | None = None
    guessed: str | None = None


class Reading:
    """Makes the entries of one file, in its order."""

    def __init__(self, session: str, lines: LineReader) -> None:
        """Begin a file.

        Args:
            session: Id of its conversation, for lines that do not name theirs.
            lines: Decodes its lines.
        """
        self._session = session
        self._read = lines.read
        self._compacted: Summarised | None = None
        self._last_uuid: str | None = None

    def entry(self, value: Value) -> Entry:
        """Say what one line tells."""
        offset, data = value
        line = self._read(data)
        if line is None:
            return Entry(raw=data, kind="?", known=False, offset=offset, checked=True)
        told = self._tell(line.type or "", line)
        guessed = told.guessed
        role = line.message.role if line.type is None and line.message is not None else None
        if role in {"user", "assistant"}:
            told, guessed = self._tell(role, line), _BY_ROLE
        if line.uuid is not None:
            self._last_uuid = line.uuid
        return Entry(
            raw=data,
            kind=told.kind[:_MAX_KIND] or "?",
            facts=told.facts,
            known=told.known,
            at=read_time(line.timestamp),
            id=line.uuid,
            offset=offset,
            replayed_from=told.replayed_from,
            guessed=guessed,
            checked=True,
        )

    def _tell(self, kind: str, line: Line) -> _Told:
        if kind == "assistant":
            return _Told(kind, self._replied(line))
        if kind == "user":
            return _Told(kind, self._said(line))
        if kind == "progress":
            return self._progress(line)
        if kind == "system":
            return self._system(line)
        if kind == "attachment":
            return _attachment(line)
        if kind in SIDE:
            return _Told(kind, self._side(kind, line))
        return _Told(kind, known=False)

    def _replied(self, line: Line) -> tuple[Fact, ...]:
        """Tell a part of a reply; a compaction whose summary never came goes before it."""
        facts = reply_of(line)
        if self._compacted is not None:
            facts = (self._compacted, *facts)
            self._compacted = None
        return facts

    def _said(self, line: Line) -> tuple[Fact, ...]:
        message = line.message
        if message is None:
            return ()
        if line.is_compact_summary:
            known, self._compacted = self._compacted or Summarised(), None
            return (
                Summarised(
                    summary=text_of(message.content),
                    trigger=known.trigger,
                    tokens_before=known.tokens_before,
                    tokens_after=known.tokens_after,
                ),
            )
        role = message.role if message.role in {"system", "developer"} else "user"
        content = message.content
        if isinstance(content, str):
            return (_spoken(role or "user", content),)
        return _blocks_said(role or "user", content or [])

    def _progress(self, line: Line) -> _Told:
        """Tell a sub-agent's reply as the copy that it is: its own file holds it too."""
        progress = line.data
        if progress is None:
            return _Told("progress", known=False)
        kind = "progress" if progress.type is None else f"progress/{progress.type}"
        known = progress.type is None or progress.type in _PROGRESS
        if not progress.message:
            return _Told(kind, known=known)
        inner = read_line(progress.message)
        return _Told(
            kind,
            reply_of(inner) if inner is not None and inner.type == "assistant" else (),
            known=known,
            replayed_from=agent_conversation(
                line.session_id or self._session, progress.agent_id or "unknown"
            ),
            guessed=None if progress.agent_id else _NAMELESS,
        )

    def _system(self, line: Line) -> _Told:
        subtype = line.subtype
        if subtype is None:
            return _Told("system", noted(line.content))
        kind, known = f"system/{subtype}", subtype in _SUBTYPES
        if subtype == "compact_boundary":
            told = line.compact_metadata or Compaction()
            self._compacted = Summarised(
                trigger=told.trigger,
                tokens_before=reading.count(told.pre_tokens),
                tokens_after=reading.count(told.post_tokens),
            )
            return _Told(kind)
        if subtype == "api_error":
            return _Told(kind, (Noted(text=describe_retry(line)),))
        return _Told(kind, noted(line.content), known=known)

    def _side(self, kind: str, line: Line) -> tuple[Fact, ...]:
        if kind == "queue-operation":
            if line.operation != "enqueue":
                return ()
            return noted(line.content, role="user")
        if kind == "summary":
            if line.leaf_uuid is None or line.leaf_uuid != self._last_uuid:
                return ()
            return noted(line.summary)
        if kind == "ai-title":
            return noted(line.ai_title)
        if kind == "custom-title":
            return noted(line.custom_title)
        if kind == "agent-name":
            return noted(line.agent_name)
        if kind == "pr-link":
            return noted(line.pr_url)
        return ()


def _attachment(line: Line) -> _Told:
    """Tell what the user said while the model worked; the rest is the program's own text."""
    attached = line.attachment
    if attached is None or attached.type is None:
        return _Told("attachment", known=attached is not None)
    kind = f"attachment/{attached.type}"
    if attached.type != "queued_command":
        return _Told(kind, known=attached.type in _ATTACHMENTS)
    text = plain_text(attached.prompt)
    return _Told(kind, (Said("user", text),) if text else ())


def _blocks_said(role: str, blocks: list[Block]) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    texts: list[str] = []
    other = False
    for block in blocks:
        if block.type == "tool_result":
            facts.append(_returned(block))
        elif block.type != "text":
            other = True  # images and documents are no text, but something was said
        elif block.text == _INTERRUPTED:
            facts.append(Aborted(error=_CANCELLED))
        elif block.text is not None and _is_local(block.text):
            facts.append(Noted(text=block.text, role="user"))
        elif block.text is not None:
            texts.append(block.text)
    if texts or (other and not facts):
        facts.append(Said(role, "\n".join(texts)))
    return tuple(facts)


def _spoken(role: str, text: str) -> Fact:
    if text == _INTERRUPTED:
        return Aborted(error=_CANCELLED)
    return Noted(text=text, role="user") if _is_local(text) else Said(role, text)


def _is_local(text: str) -> bool:
    """Tell whether a text in the user's role waits for no reply."""
    # Where a tool was interrupted the reply before it was whole.
    return text == _TOOL_INTERRUPTED or _LOCAL.match(text) is not None


def _returned(block: Block) -> Returned:
    content = block.content
    if type(content) is list and len(content) == 1:
        # Most tools give one text, wrapped or not.
        only = content[0]
        if type(only) is dict and only.get("type") == "text" and type(only.get("text")) is str:
            content = only["text"]
    return Returned(call_id=block.tool_use_id or "", output=content, success=not block.is_error)
