// Schema changes and their traces: the logical schema of every partition in rs_class and rs_prop,
// the SQL tables and columns that partitions share when their definitions agree. Checks are those
// of changeset-format.md 12.2 and server-behaviour.md 12.1, nullability included.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "model/schema.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::tables {

// client: one schema, the key column is the primary key. server: many partitions in the same
// tables, "rs$partition" leads the primary key.
enum class Layout { client, server };
inline constexpr std::int64_t kOnlyPartition = 1; // of the client layout

class Catalog {
  public:
    Catalog(sqlite::Database& db, Layout layout);

    model::SchemaPtr schema(std::int64_t partition);

    // Each returns the new schema (the old one when it was a no-op) and throws ErrorException:
    // ErrorKind::schema for contradictions, bad_changeset for what is malformed or missing.
    model::SchemaPtr add_class(std::int64_t partition, std::string_view name, TableKind kind,
                               std::string_view key_name, Type key_type, bool key_nullable);
    model::SchemaPtr erase_class(std::int64_t partition, std::string_view name);
    model::SchemaPtr add_property(std::int64_t partition, std::string_view cls,
                                  std::string_view name, Type type, bool nullable,
                                  Collection collection, std::string_view target);
    // Values of an embedded class's property inside other rows are the caller's to purge.
    model::SchemaPtr erase_property(std::int64_t partition, std::string_view cls,
                                    std::string_view name);

    // Columns of top-level classes whose values may hold objects of an embedded class.
    static bool reaches(const model::Schema& schema, const model::Property& property,
                        std::string_view embedded);

  private:
    struct Cached {
        std::int64_t version = 0; // rs_schema.version that it was loaded at
        model::SchemaPtr schema;
    };
    model::SchemaPtr load(std::int64_t partition);
    model::SchemaPtr store_next(std::int64_t partition,
                                model::Schema schema); // next version of the partition
    model::SchemaPtr share(model::Schema schema);
    std::string place_table(const model::Class& cls);
    std::string place_column(const model::Class& cls, const model::Property& property);
    void drop_table(std::int64_t partition, const model::Class& cls);
    void drop_column(std::int64_t partition, const model::Class& cls,
                     const model::Property& property);

    sqlite::Database& db_;
    Layout layout_;
    std::uint64_t rollbacks_seen_ = 0;
    std::unordered_set<std::int64_t> changed_; // partitions that a rollback may concern
    std::unordered_map<std::int64_t, Cached> cache_;
    std::unordered_map<std::string, std::weak_ptr<const model::Schema>> shared_; // by content
};

} // namespace realmsync::tables
