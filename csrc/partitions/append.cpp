// Uploads: transform, apply to the typed tables, store in the history (server-behaviour.md 7.4 to
// 7.8). Each request is a savepoint; what it changes in memory is staged only when all of it
// succeeded.
#include <algorithm>

#include "changeset/codec.hpp"
#include "merge/transform.hpp"
#include "partitions/partition_db.hpp"
#include "tables/apply.hpp"
#include "tables/complete_clears.hpp"

namespace realmsync::partitions {

using changeset::Op;
using wire::Code;

namespace {

constexpr std::uint64_t kServerIdent = 1; // orders entries made by the server itself

server::Refusal refusal(const Error& error) {
    switch (error.kind) {
    case ErrorKind::schema:
        return {Code::invalid_schema_change, "Invalid schema change (UPLOAD): " + error.message};
    case ErrorKind::bad_progress:
        return {Code::bad_server_version, "Bad server version (UPLOAD): " + error.message};
    default: return {Code::bad_changeset, "Bad changeset (UPLOAD): " + error.message};
    }
}

} // namespace

// The history as one client file sees it: foreign entries, in the form that earlier merges with
// this file's changes gave them.
class FileWindow : public merge::Window {
  public:
    FileWindow(PartitionDb& db, server::PartitionId partition, std::uint64_t file,
               const PartitionDb::Staged& staged)
        : db_(db), partition_(partition), file_(file), staged_(staged) {}

    std::vector<merge::WindowEntry> entries_after(std::uint64_t base) override {
        auto entries = db_.foreign_entries(partition_, base, file_, staged_);
        if (entries.empty())
            return {};
        replace_by_reciprocals(base, entries);
        std::vector<merge::WindowEntry> window;
        window.reserve(entries.size());
        for (HistoryEntry& entry : entries) {
            auto parsed = changeset::parse(std::move(entry.changeset));
            if (!parsed)
                corrupt("Version " + std::to_string(entry.version) +
                        " of the history is damaged: " + parsed.error().message);
            window.push_back({.version = entry.version,
                              .origin = {entry.origin_timestamp,
                                         entry.origin_ident ? entry.origin_ident : kServerIdent},
                              .changeset = std::move(*parsed)});
        }
        return window;
    }

    void store_reciprocal(const merge::WindowEntry& entry, std::string_view bytes) override {
        db_.db_.run("INSERT INTO rs_recip(pid, ident, version, changeset) VALUES(?, ?, ?, ?) "
                    "ON CONFLICT(pid, ident, version) DO UPDATE SET changeset = excluded.changeset",
                    partition_, file_, entry.version, sqlite::Blob{bytes});
    }

  private:
    void replace_by_reciprocals(std::uint64_t base, std::vector<HistoryEntry>& entries) {
        sqlite::Query row =
            db_.db_.query("SELECT version, changeset FROM rs_recip WHERE pid = ? AND "
                          "ident = ? AND version > ? ORDER BY version",
                          partition_, file_, base);
        auto entry = entries.begin();
        while (row.step()) {
            const std::uint64_t version = row->unsigned_integer(0);
            while (entry != entries.end() && entry->version < version)
                ++entry;
            if (entry != entries.end() && entry->version == version)
                entry->changeset = std::make_shared<const std::string>(row->text(1));
        }
    }

    PartitionDb& db_;
    const server::PartitionId partition_;
    const std::uint64_t file_;
    const PartitionDb::Staged& staged_;
};

std::variant<server::Appended, server::Refusal> PartitionDb::append(server::PartitionId id,
                                                                    server::AppendRequest request) {
    require_transaction();
    auto file = find_file(id, request.file_ident);
    if (!file)
        return server::Refusal{Code::bad_client_file_ident, "Bad client file identifier (UPLOAD)."};
    if (file->expired)
        return server::Refusal{Code::client_file_expired, "Client file expired (UPLOAD)."};

    Staged& staged = stage(id);
    if (request.changesets.empty()) {
        if (request.progress.server_version > staged.head.version)
            return server::Refusal{Code::bad_server_version, "Bad server version (UPLOAD)."};
        return append_all(id, request, *file, staged);
    }
    OriginRuns& runs = partition(id).runs;
    const std::size_t entries = staged.entries.size();
    const Head head = staged.head;
    sqlite::Savepoint savepoint(db_);
    std::variant<server::Appended, server::Refusal> result;
    try {
        result = append_all(id, request, *file, staged);
    } catch (const ErrorException& e) {
        result = refusal(e.error());
    }
    if (std::holds_alternative<server::Appended>(result)) {
        savepoint.release();
    } else {
        savepoint.rollback();
        staged.entries.resize(entries);
        staged.head = head;
        runs.truncate(head.version);
    }
    return result;
}

std::variant<server::Appended, server::Refusal>
PartitionDb::append_all(server::PartitionId id, server::AppendRequest& request, ClientFile& file,
                        Staged& staged) {
    Head& head = staged.head;
    auto& uploads = request.changesets;
    // What an earlier job of the same client file has integrated meanwhile.
    std::erase_if(uploads, [&](const server::UploadedChangeset& upload) {
        return upload.client_version <= file.client_version;
    });
    std::vector<merge::Incoming> incoming;
    incoming.reserve(uploads.size());
    std::uint64_t version = file.client_version, base = file.base_server_version;
    for (server::UploadedChangeset& upload : uploads) {
        if (upload.origin_file_ident != 0)
            return server::Refusal{
                Code::bad_origin_file_ident,
                "Bad origin file identifier (UPLOAD): this client file uploads its own "
                "changes only."};
        if (upload.client_version <= version)
            return server::Refusal{Code::bad_client_version, "Bad client version (UPLOAD)."};
        if (upload.server_version < base || upload.server_version > head.version)
            return server::Refusal{Code::bad_server_version, "Bad server version (UPLOAD)."};
        if (upload.server_version < head.base_version)
            return server::Refusal{Code::client_file_expired,
                                   "Client file expired (UPLOAD): the history it needs is gone."};
        version = upload.client_version;
        base = upload.server_version;
        for (const auto& i : upload.changeset.instructions)
            if (is_destructive(i.op))
                return server::Refusal{
                    Code::invalid_schema_change,
                    "Invalid schema change (UPLOAD): classes and properties of a synced "
                    "schema cannot be removed."};
        incoming.push_back({upload.server_version,
                            {upload.origin_timestamp, request.file_ident},
                            &upload.changeset});
    }
    if (request.progress.server_version > head.version)
        return server::Refusal{Code::bad_server_version, "Bad server version (UPLOAD)."};

    if (!incoming.empty()) {
        if (profile_ != merge::Profile::strict) {
            const model::SchemaPtr schema = tables_.schema(static_cast<std::int64_t>(id));
            for (server::UploadedChangeset& upload : uploads)
                tables::complete_clears(upload.changeset, *schema);
        }
        cover_runs(id, incoming.front().base);
        FileWindow window(*this, id, request.file_ident, staged);
        auto transformer = windows_.take(id, request.file_ident, incoming.front().base, profile_);
        if (auto transformed = transformer->transform(window, incoming); !transformed)
            return refusal(transformed.error());
        transformer->store_reciprocals(window);
        tables::Applier applier(tables_, static_cast<std::int64_t>(id));
        for (const server::UploadedChangeset& upload : uploads)
            applier.apply(upload.changeset);
        applier.flush();
        windows_.keep(id, request.file_ident, std::move(transformer));
    }
    OriginRuns& runs = partition(id).runs;
    for (server::UploadedChangeset& upload : uploads) {
        HistoryEntry entry;
        entry.version = ++head.version;
        entry.salt = head.salt = salt_;
        entry.origin_ident = entry.via_ident = request.file_ident;
        entry.client_version = upload.client_version;
        entry.origin_timestamp = upload.origin_timestamp;
        entry.changeset = std::make_shared<const std::string>(changeset::encode(upload.changeset));
        upload.changeset = {};
        entry.cumulative_bytes = head.cumulative_bytes += entry.changeset->size();
        insert_history(id, entry, upload.server_version);
        runs.append(entry.version, entry.via_ident, entry.changeset->empty());
        staged.entries.push_back(std::move(entry));
    }

    file.client_version = std::max({file.client_version, version, request.progress.client_version});
    if (request.progress.server_version > file.base_server_version) {
        file.base_server_version = request.progress.server_version;
        db_.run("DELETE FROM rs_recip WHERE pid = ? AND ident = ? AND version <= ?", id,
                request.file_ident, file.base_server_version);
    }
    file.locked_server_version =
        std::max(file.locked_server_version, request.locked_server_version);
    if (!uploads.empty()) {
        file.ack_client_version = file.client_version;
        file.ack_server_version = file.base_server_version;
        file.ack_head = head.version;
    }
    file.last_seen_ms = now_ms_;
    staged.files.insert_or_assign(request.file_ident, std::move(file));
    return server::Appended{head.version};
}

// The runs are extended backwards when an old base is first met: one scan of narrow columns, then
// every further upload on that base finds its window without looking at its own entries.
void PartitionDb::cover_runs(server::PartitionId id, std::uint64_t base) {
    OriginRuns& runs = partition(id).runs;
    if (base >= runs.start())
        return;
    OriginRuns older(base);
    sqlite::Query row =
        db_.query("SELECT version, via_ident, size FROM rs_history WHERE pid = ? AND "
                  "version > ? AND version <= ? ORDER BY version",
                  id, base, runs.start());
    while (row.step())
        older.append(row->unsigned_integer(0), row->unsigned_integer(1), row->integer(2) == 0);
    runs.prepend(std::move(older));
}

std::vector<HistoryEntry> PartitionDb::foreign_entries(server::PartitionId id, std::uint64_t base,
                                                       std::uint64_t file, const Staged& staged) {
    const Partition& cached = partition(id);
    std::vector<HistoryEntry> result;
    const auto take = [&](const HistoryEntry& entry) {
        if (entry.via_ident != file && !entry.changeset->empty())
            result.push_back(entry);
    };
    for (const auto& range : cached.runs.foreign(base, file)) {
        std::uint64_t next = range.first;
        while (next <= range.last) {
            if (next > cached.head.version) {
                take(staged.entries[next++ - cached.head.version - 1]);
            } else if (const HistoryEntry* entry = cached.tail.find(next)) {
                take(*entry);
                ++next;
            } else {
                const std::uint64_t last = std::min(range.last, cached.head.version);
                sqlite::Query row = db_.query(
                    "SELECT version, salt, origin_ident, via_ident, client_version, origin_ts, "
                    "cumul_bytes, changeset FROM rs_history WHERE pid = ?1 AND version >= ?2 AND "
                    "version <= ?3 AND via_ident <> ?4 AND size > 0 ORDER BY version",
                    id, next, last, file);
                while (row.step())
                    result.push_back({row->unsigned_integer(0), row->integer(1),
                                      row->unsigned_integer(2), row->unsigned_integer(3),
                                      row->unsigned_integer(4), row->unsigned_integer(5),
                                      row->unsigned_integer(6),
                                      std::make_shared<const std::string>(row->text(7))});
                next = last + 1;
            }
        }
    }
    return result;
}

void PartitionDb::insert_history(server::PartitionId id, const HistoryEntry& entry,
                                 std::uint64_t client_base) {
    db_.run("INSERT INTO rs_history(pid, version, salt, origin_ident, via_ident, client_version, "
            "client_base, origin_ts, size, cumul_bytes, committed_ms, changeset) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            id, entry.version, entry.salt, entry.origin_ident, entry.via_ident,
            entry.client_version, client_base, entry.origin_timestamp, entry.changeset->size(),
            entry.cumulative_bytes, now_ms_, sqlite::Blob{*entry.changeset});
}

} // namespace realmsync::partitions
