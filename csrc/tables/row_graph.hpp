// The objects of one partition as the evaluator of queries sees them (query/values/image.hpp): read
// on demand, by key, and kept for one run of a query. Links backwards are found by one scan of the
// linking class, however many objects ask. Lives inside one read of the caller's, who sees one
// version of the data.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "query/tree/needs.hpp"
#include "query/values/image.hpp"
#include "tables/tables.hpp"

namespace realmsync::tables {

class RowGraph final : public query::Graph {
  public:
    // `schema` is the query's: its classes are those that images name.
    RowGraph(Tables& tables, std::int64_t partition, model::SchemaPtr schema, query::Needs needs);
    ~RowGraph() override;

    const query::Image* target(const model::Class& cls, const Key& key) override;
    void sources(const model::Class& cls, std::size_t property, const query::Image& to,
                 const std::function<bool(const query::Image&)>& visit) override;

    // Between two outermost objects: lets go of what was read when it has become much.
    void trim();

  private:
    struct Object { // missing: no image
        model::ObjectKey key;
        std::vector<model::Value> values;
        query::Image image;
        bool exists = false;
    };
    struct Named { // a key as a key of maps; borrowed from what the map holds beside it
        Key key;
        bool operator==(const Named& other) const { return model::equal(key, other.key); }
    };
    struct Hash {
        std::size_t operator()(const Named& named) const { return model::hash(named.key); }
    };
    struct Rows { // of one class
        std::string sql;
        std::vector<std::size_t> properties; // those read, ascending
        std::unordered_map<Named, std::unique_ptr<Object>, Hash> objects;
    };
    struct Backlinks;

    Rows& rows_of(const model::Class& cls);
    const Backlinks& backlinks_of(const model::Class& cls, std::size_t property);
    void scan(const model::Class& cls, std::size_t property, Backlinks& found);
    void scan_embedded(const model::Class& owner, const model::Class& cls, std::size_t property,
                       Backlinks& found);

    Tables& tables_;
    const std::int64_t partition_;
    const model::SchemaPtr schema_;
    const query::Needs needs_;
    std::map<const model::Class*, Rows> rows_;
    std::size_t objects_ = 0; // in all rows_
    std::map<std::pair<const model::Class*, std::size_t>, std::unique_ptr<Backlinks>> backlinks_;
};

// The columns of the properties, which are those of `cls`, after `first` other columns of a row.
void read_values(const sqlite::Statement& row, int first, const model::Schema& schema,
                 const model::Class& cls, const std::vector<std::size_t>& properties,
                 std::vector<model::Value>& values);
// What follows FROM, with the alias t: the rows of the partition, to which more conditions may be
// added. bind_partition() binds its parameter, and gives the index after it.
std::string from_partition(const Tables& tables, const model::Class& cls);
int bind_partition(const Tables& tables, sqlite::Statement& statement, std::int64_t partition);
// What an ORDER BY of creation says.
std::string creation_order(Tables& tables, const model::Class& cls);

} // namespace realmsync::tables
