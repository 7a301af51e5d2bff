// Values of the classes before as those afterwards have them, when the schema is rewritten
// (schema_rewrite.hpp): links to other keys, embedded objects that lose and get properties, objects
// that become embedded ones, and the other way round.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/schema.hpp"
#include "model/value.hpp"
#include "tables/rewrite_plan.hpp"
#include "tables/tables.hpp"

namespace realmsync::tables {

class ValueRewriter {
  public:
    // `after`: the schema as it is stored by now.
    ValueRewriter(Tables& tables, const RewritePlan& plan, model::SchemaPtr after);

    // The value of a property `was` of class `cls` as the value of `is`. RewriteFailed.
    model::Value rewrite(const model::Value& value, const model::Class& cls,
                         const model::Property& was, const model::Property& is);
    // Once all values are rewritten: every object that has become a part of another is a part of
    // exactly one. RewriteFailed.
    void require_owned();

    // A key that no other object of a class without a primary key has got by this.
    Key next_key();

  private:
    model::Value element(const model::Value& value, const model::Class& cls,
                         const model::Property& was, const model::Property& is);
    std::optional<model::ObjectKey> new_key(const model::Link& link);
    model::Value link(const model::Link& link);
    model::Value embed(const model::Link& link);
    model::Value convert(const model::Embedded& object, const model::Class& was,
                         const model::Class& is);
    model::Value release(const model::Embedded& object, const model::Class& was,
                         const model::Class& is);
    void note_owner(const model::Class& cls, const Key& key);

    Tables& tables_;
    sqlite::Database& db_;
    const RewritePlan& plan_;
    model::SchemaPtr after_;
    std::uint64_t keys_ = 0; // given
};

} // namespace realmsync::tables
