"""The formats of other programs' transcripts, each pure but for reading its source.

The first module of each format holds its ``FORMAT``, of which
`steno.transcripts.importers.source.Format` says what it must do.

- ``claude_code``: Claude Code, one file for each session and sub-agent;
- ``claude_code_lines``: what of a line is read;
- ``claude_code_entries``: what a line tells;
- ``claude_code_replies``: what a model's reply tells in a line;
- ``codex``: Codex, one rollout for each thread;
- ``codex_entries``: what the lines of a rollout tell;
- ``codex_items``: what an item says that went over the wire;
- ``codex_counts``: which call has used what;
- ``gemini``: the Gemini CLI;
- ``gemini_messages``: what its messages tell;
- ``openclaw``: JSON lines of OpenClaw, pi and their relatives;
- ``openclaw_entries``: what their entries tell;
- ``openclaw_beside``: calls of a model beside the conversation;
- ``openclaw_usage``: what they say of tokens;
- ``openclaw_names``: what the names of their files tell;
- ``openclaw_index``: what lies beside a transcript and names it;
- ``openclaw_store``: OpenClaw's database, a format of its own;
- ``openclaw_archives``: what that database keeps compressed;
- ``opencode``: opencode, in any of its three forms;
- ``opencode_store``: its database;
- ``opencode_tree``: the files that it kept before;
- ``opencode_exports``: what it exports; ``opencode_events``: what its runs print;
- ``opencode_turns``: what a message of opencode 1 tells;
- ``opencode_rows``: what a row of opencode 2 tells;
- ``llm_logs``: llm, its older and its newer tables;
- ``llm_messages``: what the rows of its database say;
- ``lunaroute_v1``: LunaRoute's first recorder;
- ``lunaroute_v2``: LunaRoute's second recorder;
- ``messages``: plain logs of messages, requests and replies;
- ``chats``: requests and replies in the forms of OpenAI's and Anthropic's APIs.

What several of them share:

- ``usage``: token counts, normalised;
- ``verbatim``: a value, a file or a row as the JSON text of an entry;
- ``documents``: a conversation that is one JSON document.
"""
