#include "realm/pending_reset.hpp"

#include <ctime>
#include <optional>
#include <string>

#include "realm/local_history.hpp"

namespace realmsync::realm::pending_reset {

namespace {

constexpr std::int64_t kFormat = 1;
enum Kind : std::int64_t { kDiscard = 0, kRecover = 1 };
enum Cause : std::int64_t {
    kReset = 1,
    kResetWithoutRecovery = 2,
    kMigration = 3,
    kRollback = 4,
};

struct Note {
    std::int64_t time_ms, kind, cause;
};

constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS rs_pending_reset(id INTEGER PRIMARY KEY CHECK (id = 1), "
    "format INTEGER NOT NULL, time_ms INTEGER NOT NULL, kind INTEGER NOT NULL, "
    "cause INTEGER NOT NULL, status INTEGER NOT NULL, message TEXT NOT NULL) STRICT";

bool has_table(sqlite::Database& db) {
    return db.integer("SELECT 1 FROM sqlite_schema WHERE name = 'rs_pending_reset'").has_value();
}

std::optional<Note> find(sqlite::Database& db) {
    if (!has_table(db))
        return std::nullopt;
    sqlite::Query row =
        db.query("SELECT time_ms, kind, cause FROM rs_pending_reset WHERE format = ?", kFormat);
    if (!row.step())
        return std::nullopt;
    return Note{row->integer(0), row->integer(1), row->integer(2)};
}

std::string time_text(std::int64_t time_ms) {
    const std::time_t seconds = time_ms / 1000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

const char* name_of(ResetMode mode) {
    switch (mode) {
    case ResetMode::discard: return "DiscardLocal";
    case ResetMode::recover: return "Recover";
    case ResetMode::recover_or_discard: break;
    }
    return "RecoverOrDiscard";
}

std::int64_t cause_of(const ResetRequest& request) {
    switch (request.migration) {
    case Migration::to_flexible: return kMigration;
    case Migration::to_partition: return kRollback;
    case Migration::none: break;
    }
    return request.may_recover ? kReset : kResetWithoutRecovery;
}

// The mode that is left after what was tried before for the same reason.
ResetMode allowed(const std::optional<Note>& before, const ResetRequest& request,
                  std::int64_t cause) {
    ResetMode mode = request.mode;
    if (before && before->cause == cause) {
        if (before->kind == kDiscard || mode == ResetMode::recover)
            raise(ErrorKind::bad_changeset,
                  std::string("A previous '") +
                      (before->kind == kDiscard ? "DiscardLocal" : "Recover") +
                      "' mode reset from " + time_text(before->time_ms) +
                      " did not succeed, giving up on '" + name_of(mode) +
                      "' mode to prevent a cycle");
        mode = ResetMode::discard;
    }
    if (!request.may_recover && mode == ResetMode::recover)
        raise(ErrorKind::bad_changeset, "Client reset mode is set to 'Recover' but the server "
                                        "does not allow recovery for this client");
    return request.may_recover ? mode : ResetMode::discard;
}

} // namespace

bool begin(RealmFile& file, const ResetRequest& request) {
    RealmFile::Writing writing(file, file.writers().acquire());
    sqlite::Database& db = writing.connection().db;
    const std::int64_t cause = cause_of(request);
    const bool recovers = allowed(find(db), request, cause) != ResetMode::discard;
    db.exec(kTable);
    db.run("INSERT OR REPLACE INTO rs_pending_reset VALUES(1, ?, ?, ?, ?, ?, ?)", kFormat,
           request.now_ms, recovers ? kRecover : kDiscard, cause, request.status, request.message);
    writing.commit(local_history::load(db).current_version, RealmFile::Commit::remote);
    return recovers;
}

void forget(RealmFile& file) {
    RealmFile::Writing writing(file, file.writers().acquire());
    sqlite::Database& db = writing.connection().db;
    if (!has_table(db))
        return;
    db.exec("DELETE FROM rs_pending_reset");
    writing.commit(local_history::load(db).current_version, RealmFile::Commit::remote);
}

bool is_there(sqlite::Database& db) { return find(db).has_value(); }

} // namespace realmsync::realm::pending_reset
