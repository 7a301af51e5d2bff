// Some properties of objects that are asked for by their keys, many in a row: where the keys of a
// class come ascending, one scan steps over what lies between them. Nothing is kept but the object
// that was found last; a graph, which keeps them, is row_graph.hpp's. Lives inside one read of the
// caller's, who writes nothing meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/work.hpp"
#include "query/tree/needs.hpp"
#include "query/values/object_reader.hpp"
#include "tables/columns.hpp"
#include "tables/tables.hpp"

namespace realmsync::tables {

class ObjectScan final : public query::ObjectReader {
  public:
    // `schema`: of the classes that objects are asked for by. The properties of `needs` are read,
    // and paid for.
    ObjectScan(Tables& tables, std::int64_t partition, model::SchemaPtr schema, query::Needs needs,
               Work& work)
        : tables_(tables), partition_(partition), schema_(std::move(schema)),
          needs_(std::move(needs)), work_(work) {}

    // O(log n), less where the one before was a smaller key not far away.
    const query::Image* find(const model::Class& cls, const Key& key) override;

  private:
    struct Rows { // of one class
        std::vector<std::size_t> properties;
        bool has_containers = false; // which are read as text
        std::optional<sqlite::Query> row;
        // The scan has come from there to where it stands: nothing lies between. Without it, it
        // stands nowhere.
        std::optional<model::ObjectKey> from;
        bool is_at_end = false;
        unsigned patience = 1; // rows that are stepped over before a jump
        std::vector<model::Value> values;
        query::Image image;
    };

    Rows& rows_of(const model::Class& cls);
    bool reach(Rows& rows, const model::Class& cls, const Key& key);
    bool jump(Rows& rows, const model::Class& cls, const Key& key);

    Tables& tables_;
    const std::int64_t partition_;
    const model::SchemaPtr schema_;
    const query::Needs needs_;
    Work& work_;
    std::map<const model::Class*, Rows> rows_;
    Scratch scratch_;
    unsigned asked_ = 0; // since the last look at the pages
};

} // namespace realmsync::tables
