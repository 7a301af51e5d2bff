#include "realm/local_history.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace realmsync::realm::local_history {

namespace {

constexpr std::uint64_t kEmptyVersion = 1; // of a file without any commit
constexpr std::uint64_t kMaxBehind = 64;   // versions that rs_sync may be behind: bounds load()

struct Newest {
    std::uint64_t stored;  // version of rs_sync
    std::uint64_t version; // the file's
    std::uint64_t download_server;
    std::uint64_t remote_version; // of the newest version's entry, else download_server
};

Newest newest(sqlite::Database& db) {
    auto row = db.query("SELECT s.version, s.download_server, h.version, h.remote_version "
                        "FROM rs_sync s LEFT JOIN rs_history h "
                        "ON h.version = (SELECT max(version) FROM rs_history) WHERE s.id = 1");
    if (!row.step())
        corrupt("the realm file has lost its sync state");
    Newest n{row->unsigned_integer(0), row->unsigned_integer(0), row->unsigned_integer(1),
             row->unsigned_integer(1)};
    if (!row->is_null(2)) { // not everything is trimmed
        n.version = row->unsigned_integer(2);
        n.remote_version = row->unsigned_integer(3);
    }
    REALMSYNC_ASSERT(n.version >= n.stored);
    return n;
}

// How many objects a version numbers before it takes the numbers of the next one.
constexpr int kNumberBits = 24;
// What is added to versions for the numbers of objects stands in rs_schema, as the version of a
// partition that no file has.
constexpr std::int64_t kNumbersPartition = 0;

std::uint64_t versions_before(sqlite::Database& db) {
    const auto found =
        db.integer("SELECT version FROM rs_schema WHERE partition = ?", kNumbersPartition);
    return static_cast<std::uint64_t>(found.value_or(0));
}

// The newest server version that was integrated at a version of the file.
std::uint64_t remote_version_at(sqlite::Database& db, std::uint64_t version) {
    const auto found = db.integer("SELECT remote_version FROM rs_history WHERE version <= ? "
                                  "ORDER BY version DESC LIMIT 1",
                                  version);
    return static_cast<std::uint64_t>(found.value_or(0));
}

// What check_progress and append_local keep true of every state: no cursor points beyond the
// file's own history.
bool is_possible(const client::ClientState& s) {
    return s.progress.download.client_version <= s.current_version &&
           s.progress.upload.client_version <= s.current_version;
}

} // namespace

void mark(sqlite::Database& db) {
    db.exec("PRAGMA application_id = " + std::to_string(kApplicationId) +
            "; PRAGMA user_version = " + std::to_string(kFormat));
}

void create(sqlite::Database& db) {
    mark(db);
    db.exec("CREATE TABLE rs_sync("
            "id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL,"
            "file_ident INTEGER NOT NULL, file_salt INTEGER NOT NULL,"
            "latest_version INTEGER NOT NULL, latest_salt INTEGER NOT NULL,"
            "download_server INTEGER NOT NULL, download_client INTEGER NOT NULL,"
            "upload_client INTEGER NOT NULL, upload_server INTEGER NOT NULL,"
            "uploaded_bytes INTEGER NOT NULL, uploadable_bytes INTEGER NOT NULL,"
            "downloaded_bytes INTEGER NOT NULL, downloadable_bytes INTEGER NOT NULL) STRICT;"
            // An empty changeset is NULL, so that scans see it in the row's head.
            "CREATE TABLE rs_history("
            "version INTEGER PRIMARY KEY, remote_version INTEGER NOT NULL,"
            "origin_ident INTEGER NOT NULL, origin_timestamp INTEGER NOT NULL,"
            "changeset BLOB) STRICT;"
            // How the server sees a local changeset after merging. No row: as in rs_history;
            // an empty blob: nothing of it is left.
            "CREATE TABLE rs_reciprocal("
            "version INTEGER PRIMARY KEY, changeset BLOB NOT NULL) STRICT;"
            "INSERT INTO rs_sync VALUES(1,1,0,0,0,0,0,0,0,0,0,0,0,0);");
}

client::ClientState load(sqlite::Database& db) {
    client::ClientState state;
    auto row = db.query("SELECT version, file_ident, file_salt, latest_version, latest_salt, "
                        "download_server, download_client, upload_client, upload_server, "
                        "uploaded_bytes, uploadable_bytes, downloaded_bytes, downloadable_bytes "
                        "FROM rs_sync WHERE id = 1");
    if (!row.step())
        corrupt("the realm file has lost its sync state");
    auto next = [&, column = 0]() mutable { return row->unsigned_integer(column++); };
    state.current_version = next();
    state.file.ident = next();
    state.file.salt = static_cast<std::int64_t>(next());
    state.progress.latest.version = next();
    state.progress.latest.salt = static_cast<std::int64_t>(next());
    state.progress.download.server_version = next();
    state.progress.download.client_version = next();
    state.progress.upload.client_version = next();
    state.progress.upload.server_version = next();
    state.uploaded_bytes = next();
    state.uploadable_bytes = next();
    state.downloaded_bytes = next();
    state.downloadable_bytes = next();
    auto behind = db.query("SELECT max(version), sum(length(changeset)) FROM rs_history "
                           "WHERE version > ?",
                           state.current_version);
    if (behind.step() && !behind->is_null(0)) {
        state.current_version = behind->unsigned_integer(0);
        state.uploadable_bytes += behind->unsigned_integer(1);
    }
    if (!is_possible(state))
        corrupt("the sync state of a realm file is ahead of its history");
    // Entries that need no upload count as uploaded as soon as nothing before them does.
    auto pending = db.query("SELECT version FROM rs_history WHERE version > ? AND origin_ident = 0 "
                            "AND changeset IS NOT NULL ORDER BY version LIMIT 1",
                            state.progress.upload.client_version);
    state.uploaded_version =
        pending.step() ? pending->unsigned_integer(0) - 1 : state.current_version;
    return state;
}

void store(sqlite::Database& db, const client::ClientState& s) {
    REALMSYNC_ASSERT(is_possible(s));
    const auto& p = s.progress;
    db.run("UPDATE rs_sync SET version = ?, file_ident = ?, file_salt = ?, latest_version = ?, "
           "latest_salt = ?, download_server = ?, download_client = ?, upload_client = ?, "
           "upload_server = ?, uploaded_bytes = ?, uploadable_bytes = ?, downloaded_bytes = ?, "
           "downloadable_bytes = ? WHERE id = 1",
           s.current_version, s.file.ident, s.file.salt, p.latest.version, p.latest.salt,
           p.download.server_version, p.download.client_version, p.upload.client_version,
           p.upload.server_version, s.uploaded_bytes, s.uploadable_bytes, s.downloaded_bytes,
           s.downloadable_bytes);
}

std::uint64_t newest_version(sqlite::Database& db) { return newest(db).version; }

std::uint64_t first_number(sqlite::Database& db) {
    return (versions_before(db) + newest(db).version) << kNumberBits;
}

void continue_numbers(sqlite::Database& db, std::uint64_t source_version) {
    db.run("INSERT INTO rs_schema(partition, version) VALUES(?, ?) ON CONFLICT(partition) "
           "DO UPDATE SET version = version + excluded.version",
           kNumbersPartition, source_version);
}

bool is_whole(sqlite::Database& db) {
    const client::ClientState state = load(db);
    return state.file.ident != 0 || state.progress.download.server_version != 0 ||
           state.current_version == kEmptyVersion ||
           db.integer("SELECT min(version) FROM rs_history") == kEmptyVersion + 1;
}

void append(sqlite::Database& db, const Entry& e) {
    constexpr std::string_view sql = "INSERT INTO rs_history(version, remote_version, "
                                     "origin_ident, origin_timestamp, changeset) "
                                     "VALUES(?, ?, ?, ?, ?)";
    if (e.changeset.empty())
        db.run(sql, e.version, e.remote_version, e.origin_ident, e.origin_timestamp,
               sqlite::Null{});
    else
        db.run(sql, e.version, e.remote_version, e.origin_ident, e.origin_timestamp,
               sqlite::Blob{e.changeset});
}

std::uint64_t append_local(sqlite::Database& db, std::uint64_t timestamp,
                           std::string_view changeset) {
    const Newest last = newest(db);
    append(db, {.version = last.version + 1,
                .remote_version = last.download_server,
                .origin_timestamp = timestamp,
                .changeset = changeset});
    if (last.version + 1 - last.stored >= kMaxBehind)
        store(db, load(db));
    return last.version + 1;
}

std::uint64_t local_bytes(sqlite::Database& db, std::uint64_t after, std::uint64_t through) {
    auto row = db.query("SELECT coalesce(sum(length(changeset)), 0) FROM rs_history "
                        "WHERE version > ? AND version <= ? AND origin_ident = 0",
                        after, through);
    row.step();
    return row->unsigned_integer(0);
}

void trim(sqlite::Database& db, std::uint64_t integrated) {
    // The first entry that a later DOWNLOAD may have to be merged with; all before it may go.
    auto keep = db.query("SELECT version FROM rs_history WHERE version > ? AND origin_ident = 0 "
                         "AND changeset IS NOT NULL ORDER BY version LIMIT 1",
                         integrated);
    const std::uint64_t first = keep.step() ? keep->unsigned_integer(0) : INT64_MAX;
    db.run("DELETE FROM rs_history WHERE version < ?", first);
    db.run("DELETE FROM rs_reciprocal WHERE version < ?", first);
}

void local_changes(sqlite::Database& db, std::uint64_t after, const TakeLocal& take) {
    auto rows = db.query("SELECT h.version, h.origin_timestamp, "
                         "coalesce(r.changeset, h.changeset) FROM rs_history h "
                         "LEFT JOIN rs_reciprocal r ON r.version = h.version "
                         "WHERE h.version > ? AND h.origin_ident = 0 "
                         "AND h.changeset IS NOT NULL ORDER BY h.version",
                         after);
    while (rows.step())
        take(rows->unsigned_integer(0), rows->unsigned_integer(1),
             std::make_shared<const std::string>(rows->text(2)));
}

std::vector<KeptEntry> entries(sqlite::Database& db) {
    auto rows = db.query("SELECT h.version, h.remote_version, h.origin_ident, "
                         "h.origin_timestamp, h.changeset, r.changeset FROM rs_history h "
                         "LEFT JOIN rs_reciprocal r ON r.version = h.version ORDER BY h.version");
    std::vector<KeptEntry> kept;
    while (rows.step()) {
        KeptEntry& entry = kept.emplace_back();
        entry.version = rows->unsigned_integer(0);
        entry.remote_version = rows->unsigned_integer(1);
        entry.origin_ident = rows->unsigned_integer(2);
        entry.origin_timestamp = rows->unsigned_integer(3);
        entry.changeset = rows->text(4);
        if (!rows->is_null(5))
            entry.reciprocal = rows->text(5);
    }
    return kept;
}

std::uint64_t restart(sqlite::Database& db, const client::ClientState& server,
                      std::span<const Recovered> recovered) {
    client::ClientState state = load(db);
    const std::uint64_t first = recovered.empty() ? INT64_MAX : recovered.front().version;
    db.run("DELETE FROM rs_history WHERE version < ?", first);
    db.run("DELETE FROM rs_reciprocal WHERE version < ?", first);
    const std::uint64_t reached = server.progress.download.server_version;
    db.run("UPDATE rs_history SET remote_version = ?", reached);
    state.uploadable_bytes = 0;
    for (const Recovered& r : recovered) {
        db.run("DELETE FROM rs_reciprocal WHERE version = ?", r.version);
        if (r.changeset.empty())
            db.run("UPDATE rs_history SET changeset = NULL WHERE version = ?", r.version);
        else
            db.run("UPDATE rs_history SET changeset = ? WHERE version = ?",
                   sqlite::Blob{r.changeset}, r.version);
        state.uploadable_bytes += r.changeset.size();
    }
    state.file = server.file;
    state.progress = {.latest = server.progress.latest, .download = {reached, 0}, .upload = {}};
    state.uploaded_bytes = state.downloaded_bytes = state.downloadable_bytes = 0;
    ++state.current_version;
    store(db, state);
    append(db, {.version = state.current_version, .remote_version = reached});
    return state.current_version;
}

// Versions go on, for who has followed them. is_whole() is to find that nothing is missing.
std::uint64_t begin_anew(sqlite::Database& db) {
    const std::uint64_t version = restart(db, {}, {});
    if (version != kEmptyVersion + 1)
        append(db, {.version = kEmptyVersion + 1});
    return version;
}

void forget_before(sqlite::Database& db, std::uint64_t version) {
    db.run("DELETE FROM rs_history WHERE version < ?", version);
    db.run("DELETE FROM rs_reciprocal WHERE version < ?", version);
}

client::PendingUpload fetch(sqlite::Database& db, const wire::UploadCursor& from,
                            const client::UploadLimits& limits, std::uint64_t through) {
    client::PendingUpload upload;
    upload.progress = from;
    std::string plain;
    std::uint64_t size = 0; // of changesets, as the limits count
    bool complete = true;
    auto rows = db.query("SELECT version, remote_version, origin_timestamp, changeset "
                         "FROM rs_history WHERE version > ? AND version <= ? "
                         "AND origin_ident = 0 AND changeset IS NOT NULL ORDER BY version",
                         from.client_version, std::min<std::uint64_t>(through, INT64_MAX));
    while (rows.step()) {
        const std::string_view changeset = rows->text(3);
        if (size >= limits.soft_bytes ||
            (upload.changesets != 0 && size + changeset.size() >= limits.hard_bytes)) {
            complete = false;
            break;
        }
        wire::UploadEntry entry;
        entry.client_version = rows->unsigned_integer(0);
        entry.server_version = rows->unsigned_integer(1);
        entry.origin_timestamp = rows->unsigned_integer(2);
        entry.changeset = changeset;
        wire::append_entry(plain, entry);
        upload.progress = {entry.client_version, entry.server_version};
        size += changeset.size();
        ++upload.changesets;
    }
    if (complete) {
        const Newest last = newest(db);
        if (last.version <= through && last.version > from.client_version)
            upload.progress = {last.version, last.remote_version};
        else if (through < last.version && through > upload.progress.client_version)
            upload.progress = {
                through, std::max(upload.progress.server_version, remote_version_at(db, through))};
    }
    upload.body = wire::pack_body(std::move(plain));
    return upload;
}

} // namespace realmsync::realm::local_history
