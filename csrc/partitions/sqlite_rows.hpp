// What is read of the history and of its objects in SQLite, on the writer's connection and on
// others. Statements only.
#pragma once

#include "partitions/history_store.hpp"
#include "sqlite/sqlite.hpp"
#include "tables/tables.hpp"

namespace realmsync::partitions {

class SqliteRows final : public HistoryReader {
  public:
    SqliteRows(sqlite::Database& db, tables::Tables& tables) : db_(db), tables_(tables) {}

    std::optional<Head> head(PartitionId id) override;
    std::optional<ClientFile> client_file(PartitionId id, std::uint64_t ident) override;
    std::optional<std::int64_t> salt(PartitionId id, std::uint64_t version) override;
    void scan(PartitionId id, std::uint64_t version, std::uint64_t file, const Take& take) override;
    void heads(PartitionId id, std::uint64_t version, std::uint64_t last,
               const TakeHead& take) override;
    std::shared_ptr<const std::string> changeset(PartitionId id, std::uint64_t version) override;
    model::SchemaPtr schema(PartitionId id) override;
    std::unique_ptr<query::ObjectReader> objects(PartitionId id, const model::SchemaPtr& schema,
                                                 const query::Needs& needs, Work& work) override;
    model::KeyList select(PartitionId id, const query::Query& query) override;
    void images(PartitionId id, std::uint64_t version, std::uint64_t last,
                const TakeImages& take) override;
    std::vector<Compensation> compensations(PartitionId id, std::uint64_t ident,
                                            std::uint64_t version) override;

  private:
    sqlite::Database& db_;
    tables::Tables& tables_;
};

} // namespace realmsync::partitions
