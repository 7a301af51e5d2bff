// Schema changes and their traces: the logical schema of every partition, in rs_class and rs_prop.
// Checks are those of changeset-format.md 12.2 and server-behaviour.md 12.1, nullability included.
// Which SQL tables and columns hold the objects is sql_tables.hpp's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/schema.hpp"
#include "sqlite/sqlite.hpp"
#include "tables/sql_tables.hpp"

namespace realmsync::tables {

class Catalog {
  public:
    Catalog(sqlite::Database& db, Layout layout);

    // Whether classes and properties that no partition has are refused.
    void fix(bool is_fixed) { sql_tables_.fix(is_fixed); }

    // Additions before it are complete afterwards.
    model::SchemaPtr schema(std::int64_t partition);

    // Whether anything was added: nothing when it was there already. Consecutive additions are one
    // change of the tables, made by the next schema(). Throw ErrorException, ErrorKind::schema for
    // contradictions and too many, bad_changeset for what is malformed or missing.
    bool add_class(std::int64_t partition, std::string_view name, TableKind kind,
                   std::string_view key_name, Type key_type, bool key_nullable);
    bool add_property(std::int64_t partition, std::string_view cls, std::string_view name,
                      Type type, bool nullable, Collection collection, std::string_view target);
    // Each returns the new schema, and throws the same.
    model::SchemaPtr erase_class(std::int64_t partition, std::string_view name);
    // Values of an embedded class's property inside other rows are the caller's to purge.
    model::SchemaPtr erase_property(std::int64_t partition, std::string_view cls,
                                    std::string_view name);
    void erase_all(std::int64_t partition); // every class, with its objects
    // Forgets a class of a client's file and drops its indexes; its objects stay, in a table that
    // is the caller's from here on: `table`. Links to it are to be seen to.
    model::SchemaPtr detach_class(std::string_view name, const std::string& table);
    // What the additions since the last schema() are going to take, in ns.
    std::uint64_t cost_of_additions();
    bool has_additions() const { return draft_.has_value(); }

    // Columns of top-level classes whose values may hold objects of an embedded class.
    static bool reaches(const model::Schema& schema, const model::Property& property,
                        std::string_view embedded);

  private:
    struct Cached {
        std::int64_t version = 0; // rs_schema.version that it was loaded at
        model::SchemaPtr schema;
    };
    struct Draft { // a schema that is being added to
        std::int64_t partition;
        model::Schema schema;
        std::map<std::string, std::shared_ptr<model::Class>, std::less<>> changed; // of it
        std::map<std::string, std::int64_t, std::less<>> positions; // the last one, by class
        std::size_t properties = 0;                                 // of all classes
    };
    model::SchemaPtr load(std::int64_t partition);
    model::SchemaPtr store_next(std::int64_t partition,
                                model::Schema schema); // next version of the partition
    // The next one, without a class whose tables are gone.
    model::SchemaPtr forget_class(std::int64_t partition, model::Schema next,
                                  std::string_view name);
    model::SchemaPtr share(model::Schema schema);
    void notice_rollbacks();
    Draft& draft(std::int64_t partition);
    model::Class& change(Draft& draft, std::string_view cls);
    void finish_draft();
    void add_column(Draft& draft, model::Class& cls, model::Property property);
    void drop_index(const model::Class& cls, const model::Property& property);

    sqlite::Database& db_;
    Layout layout_;
    SqlTables sql_tables_;
    std::uint64_t rollbacks_seen_ = 0;
    std::unordered_set<std::int64_t> changed_; // partitions that a rollback may concern
    std::unordered_map<std::int64_t, Cached> cache_;
    std::unordered_map<std::string, std::weak_ptr<const model::Schema>> shared_; // by content
    std::optional<Draft> draft_;
};

} // namespace realmsync::tables
