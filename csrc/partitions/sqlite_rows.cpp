#include "partitions/sqlite_rows.hpp"

#include <cstdlib>
#include <utility>

#include "partitions/format.hpp"
#include "tables/object_scan.hpp"
#include "tables/select.hpp"
#include "views/value_bytes.hpp"

namespace realmsync::partitions {

namespace {

std::int64_t signed_id(PartitionId id) { return static_cast<std::int64_t>(id); }

} // namespace

void SqliteRows::read_at_once(const std::function<void(HistoryReader&)>& use) {
    const sqlite::Transaction transaction(db_, sqlite::Transaction::Mode::read);
    use(*this);
}

std::optional<Head> SqliteRows::head(PartitionId id) {
    sqlite::Query row = db_.query(
        "SELECT base_version, base_salt, base_cumul, e.version, e.salt, e.cumul_bytes "
        "FROM rs_base LEFT JOIN rs_history e ON e.id = "
        "(SELECT max(id) FROM rs_history WHERE id BETWEEN ?2 AND ?3) WHERE rs_base.pid = ?1",
        id, entry_id(id, 0), entry_id(id, kLastVersion));
    if (!row.step())
        return std::nullopt;
    Head head;
    head.version = head.base_version = row->unsigned_integer(0);
    head.salt = head.base_salt = row->integer(1);
    head.cumulative_bytes = head.base_cumulative = row->unsigned_integer(2);
    if (row->unsigned_integer(3) > head.base_version) {
        head.version = row->unsigned_integer(3);
        head.salt = row->integer(4);
        head.cumulative_bytes = row->unsigned_integer(5);
    }
    return head;
}

std::optional<ClientFile> SqliteRows::client_file(PartitionId id, std::uint64_t ident) {
    sqlite::Query row =
        db_.query("SELECT ident_salt, user_id, client_version, base_server_version, "
                  "locked_server_version, ack_client_version, ack_server_version, ack_head, "
                  "state, last_seen_ms, bytes FROM rs_client WHERE pid = ? AND ident = ?",
                  id, ident);
    if (!row.step())
        return std::nullopt;
    ClientFile file;
    file.salt = row->integer(0);
    file.user_id = row->string(1);
    file.client_version = row->unsigned_integer(2);
    file.base_server_version = row->unsigned_integer(3);
    file.locked_server_version = row->unsigned_integer(4);
    file.ack_client_version = row->unsigned_integer(5);
    file.ack_server_version = row->unsigned_integer(6);
    file.ack_head = row->unsigned_integer(7);
    file.expired = row->integer(8) != 0;
    file.last_seen_ms = row->integer(9);
    file.bytes = row->unsigned_integer(10);
    return file;
}

std::optional<std::int64_t> SqliteRows::salt(PartitionId id, std::uint64_t version) {
    return db_.integer("SELECT salt FROM rs_history WHERE id = ?", entry_id(id, version));
}

void SqliteRows::scan(PartitionId id, std::uint64_t version, std::uint64_t ident,
                      const Take& take) {
    sqlite::Query row = db_.query("SELECT version, salt, origin_ident, via_ident, client_version, "
                                  "origin_ts, cumul_bytes, "
                                  "CASE WHEN via_ident = ?1 THEN x'' ELSE changeset END "
                                  "FROM rs_history WHERE id > ?2 AND id <= ?3 ORDER BY id",
                                  ident, entry_id(id, version), entry_id(id, kLastVersion));
    while (row.step())
        if (!take({row->unsigned_integer(0), row->integer(1), row->unsigned_integer(2),
                   row->unsigned_integer(3), row->unsigned_integer(4), row->unsigned_integer(5),
                   row->unsigned_integer(6), std::make_shared<const std::string>(row->text(7))}))
            break;
}

void SqliteRows::heads(PartitionId id, std::uint64_t version, std::uint64_t last,
                       const TakeHead& take) {
    sqlite::Query row = db_.query("SELECT version, salt, origin_ident, via_ident, client_version, "
                                  "origin_ts, cumul_bytes, size FROM rs_history "
                                  "WHERE id > ? AND id <= ? ORDER BY id",
                                  entry_id(id, version), entry_id(id, last));
    while (row.step())
        take({row->unsigned_integer(0), row->integer(1), row->unsigned_integer(2),
              row->unsigned_integer(3), row->unsigned_integer(4), row->unsigned_integer(5),
              row->unsigned_integer(6), nullptr},
             row->unsigned_integer(7));
}

std::shared_ptr<const std::string> SqliteRows::changeset(PartitionId id, std::uint64_t version) {
    sqlite::Query row =
        db_.query("SELECT changeset FROM rs_history WHERE id = ?", entry_id(id, version));
    if (!row.step())
        corrupt("Version " + std::to_string(version) + " of the history is missing.");
    return std::make_shared<const std::string>(row->text(0));
}

model::SchemaPtr SqliteRows::schema(PartitionId id) { return tables_.schema(signed_id(id)); }

std::unique_ptr<query::ObjectReader> SqliteRows::objects(PartitionId id,
                                                         const model::SchemaPtr& schema,
                                                         const query::Needs& needs, Work& work) {
    return std::make_unique<tables::ObjectScan>(tables_, signed_id(id), schema, needs, work);
}

model::KeyList SqliteRows::select(PartitionId id, const query::Query& query, Work& work) {
    const sqlite::Watch watch(db_, work);
    try {
        return tables::select(tables_, signed_id(id), query);
    } catch (const StoreError&) {
        if (!work.is_exhausted())
            throw;
    }
    throw query::QueryFault(
        query::FaultKind::limit,
        "The query takes too much work: the server would be asked for too long");
}

void SqliteRows::images(PartitionId id, std::uint64_t version, std::uint64_t last,
                        const TakeImages& take) {
    sqlite::Query row =
        db_.query("SELECT id, images FROM rs_image WHERE id > ? AND id <= ? ORDER BY id",
                  entry_id(id, version), entry_id(id, last));
    while (row.step())
        take(row->unsigned_integer(0) & kLastVersion, row->text(1));
}

std::vector<Compensation> SqliteRows::compensations(PartitionId id, std::uint64_t ident,
                                                    std::uint64_t version) {
    sqlite::Query row = db_.query("SELECT version, client_version, class, key, reason "
                                  "FROM rs_compensation WHERE pid = ? AND ident = ? AND "
                                  "version > ? ORDER BY version, number",
                                  id, ident, version);
    std::vector<Compensation> found;
    while (row.step()) {
        found.push_back({row->unsigned_integer(0), row->unsigned_integer(1), row->string(2),
                         model::ObjectKey(views::ValueReader(row->text(3)).key()), row->string(4)});
        if (Compensation& one = found.back(); one.is_of_kept_change())
            one.base = std::strtoull(std::exchange(one.reason, {}).c_str(), nullptr, 10);
    }
    return found;
}

} // namespace realmsync::partitions
