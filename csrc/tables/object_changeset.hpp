// The instructions that make objects as they are stored, hidden links included: the beginning of a
// history, or the state of an object for tests.
#pragma once

#include <string_view>
#include <vector>

#include "changeset/writer.hpp"
#include "model/schema.hpp"
#include "model/value.hpp"

namespace realmsync::tables {

class ObjectChangeset {
  public:
    ObjectChangeset(changeset::Writer& writer, const model::Schema& schema)
        : writer_(writer), schema_(schema) {}

    // `values` by property index, as Tables::read_object() gives them.
    void add(const model::Class& cls, const Key& key, const std::vector<model::Value>& values);

  private:
    changeset::Address address() const { return {cls_->name, key_, field_, path_}; }
    void property(const model::Value& value, const model::Property& property);
    void assign(const model::Value& value, const model::Property& property);
    void contents(const model::Value& value, const model::Property& property);

    changeset::Writer& writer_;
    const model::Schema& schema_;
    const model::Class* cls_ = nullptr;
    Key key_;
    std::string_view field_;
    std::vector<changeset::Step> path_;
};

} // namespace realmsync::tables
