// Queries of a realm in Python: what was asked, compiled for the schema of the connection that runs
// it, and what it has selected. What a query means is query/ and tables/select.hpp; RealmHandle
// runs them. Results, which are live, are made of both in Python (realmsync/model/results.py).
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bindings/realm/realm_handle.hpp"
#include "model/key_list.hpp"
#include "query/binding/bind.hpp"
#include "query/parsing/syntax.hpp"

namespace realmsync::bindings {

// A text with arguments that is asked of a class, or of what another query selects. Immutable but
// for its compiled forms: classes belong to a connection, which others than this realm may change.
class CompiledQuery {
  public:
    struct Asked {
        std::string cls; // in the file
        std::shared_ptr<const CompiledQuery> base;
        std::string text;
        std::vector<query::Argument> arguments;
        query::KeyPathMapping mapping;
    };
    // Compiles it for `schema`; the tables say which objects there are. Throws QueryFault.
    CompiledQuery(Asked asked, tables::Tables& tables, const model::SchemaPtr& schema);

    // In a transaction, for the version that it sees.
    query::QueryPtr compiled(tables::Tables& tables, const model::SchemaPtr& schema) const {
        return form(tables, schema).query;
    }
    const std::string& asked_text() const { return asked_.text; }
    const std::string& text() const { return text_; }

  private:
    // For a schema, and for what belongs to the file besides: full-text indexes, which another
    // opening may drop without a change of the classes, and whether there is the object of obj().
    struct Form {
        query::QueryPtr query;
        std::int64_t tables = 0; // the version of the schema of tables
        bool is_lasting = true;  // asked for no object
    };

    Form form(tables::Tables& tables, const model::SchemaPtr& schema) const;
    Form compile(tables::Tables& tables, const model::SchemaPtr& schema) const;

    const Asked asked_;
    const query::syntax::Query syntax_;
    std::size_t depth_; // of queries that stand on each other
    std::string text_;  // as the reference prints it
    mutable std::mutex mutex_;
    mutable std::vector<Form> compiled_; // the last one made at the end
};

// What a query selected at one moment.
class Selection {
  public:
    Selection(std::shared_ptr<RealmHandle> handle, int cls, model::KeyList keys,
              sqlite::DataState state)
        : handle_(std::move(handle)), cls_(cls), keys_(std::move(keys)), state_(state) {}

    int cls() const { return cls_; }
    const model::KeyList& keys() const { return keys_; }
    std::size_t size() const { return keys_.size(); }
    pybind11::list page(std::size_t first, std::size_t limit) const;
    std::ptrdiff_t position(pybind11::handle key) const; // -1: not among them
    bool is_current() const { return handle_->is_current(state_); }
    pybind11::object aggregate(const std::string& operation, int property) const {
        return handle_->aggregate(*this, operation, property);
    }

  private:
    std::shared_ptr<RealmHandle> handle_;
    int cls_;
    model::KeyList keys_;
    sqlite::DataState state_;
};

void bind_query(pybind11::module_& m);

} // namespace realmsync::bindings
