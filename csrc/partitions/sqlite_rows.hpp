// What is read of the history and of its objects in SQLite, on a connection of its own: a reader's
// or, as a part of sqlite_history.hpp, the writer's. Statements only.
#pragma once

#include <functional>
#include <string>

#include "partitions/history_store.hpp"
#include "sqlite/sqlite.hpp"
#include "tables/tables.hpp"

namespace realmsync::partitions {

class SqliteRows : public virtual HistoryReader {
  public:
    // Of a database that is there. Throws StoreError.
    SqliteRows(const std::string& path, const sqlite::DatabaseOptions& options)
        : db_(path, options), tables_(db_, tables::Layout::server) {}

    void read_at_once(const std::function<void(HistoryReader&)>& use); // all of one moment

    std::optional<Head> head(PartitionId id) override;
    std::optional<ClientFile> client_file(PartitionId id, std::uint64_t ident) override;
    std::optional<std::int64_t> salt(PartitionId id, std::uint64_t version) override;
    void scan(PartitionId id, std::uint64_t version, std::uint64_t ident,
              const Take& take) override;
    void heads(PartitionId id, std::uint64_t version, std::uint64_t last,
               const TakeHead& take) override;
    std::shared_ptr<const std::string> changeset(PartitionId id, std::uint64_t version) override;
    model::SchemaPtr schema(PartitionId id) override;
    std::unique_ptr<query::ObjectReader> objects(PartitionId id, const model::SchemaPtr& schema,
                                                 const query::Needs& needs, Work& work) override;
    model::KeyList select(PartitionId id, const query::Query& query, Work& work) override;
    void images(PartitionId id, std::uint64_t version, std::uint64_t last,
                const TakeImages& take) override;
    std::vector<Compensation> compensations(PartitionId id, std::uint64_t ident,
                                            std::uint64_t version) override;

  protected:
    // Makes what is missing, with the tables of `beside`.
    SqliteRows(const std::string& path, const sqlite::DatabaseOptions& options,
               void (*beside)(sqlite::Database&))
        : db_(path, options), tables_(tables::Tables::create(db_, tables::Layout::server, beside)) {
    }

    sqlite::Database db_;
    tables::Tables tables_;
};

} // namespace realmsync::partitions
