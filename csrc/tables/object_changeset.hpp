// The instructions that make objects as they are stored, hidden links included: the beginning of a
// history, what a client file is sent of it, the state of an object for tests.
#pragma once

#include <span>
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
    void add(const model::Class& cls, const Key& key, std::span<const model::Value> values) {
        add(cls, key, values, [](std::size_t) { return true; });
    }
    // Only the properties that `shows(index)` names.
    template <class F>
    void add(const model::Class& cls, const Key& key, std::span<const model::Value> values,
             const F& shows) {
        begin(cls, key);
        for (std::size_t i = cls.has_key_property ? 1 : 0; i < values.size(); ++i)
            if (shows(i))
                add_property(i, values[i]);
    }

  private:
    void begin(const model::Class& cls, const Key& key);
    void add_property(std::size_t index, const model::Value& value);
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
