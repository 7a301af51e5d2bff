// The objects that one entry of the history has touched, each as it was before and after: what
// tells, whatever was asked since, how they stood to a view (docs/internals/flexible-sync.md).
// Images have the properties that views ask about, and are kept beside the entry as bytes.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/schema.hpp"
#include "model/value.hpp"
#include "query/values/image.hpp"

namespace realmsync::views {

struct ObjectImages {
    const model::Class* cls = nullptr;
    model::ObjectKey key;
    bool existed = false, exists = false;
    bool is_changed = false; // `after` is another than `before`, which else stands for both
    // By property index, short of what nobody asks about.
    std::vector<model::Value> before, after;
    query::Image image_before() const { return image(before); }
    query::Image image_after() const { return image(is_changed ? after : before); }

  private:
    query::Image image(const std::vector<model::Value>& values) const {
        return {cls, key.view(), values.data(), values.size()};
    }
};

struct EntryImages {
    bool has_schema = false; // adds classes or properties, too
    std::vector<ObjectImages> objects;
};

// The bytes of an entry's images while they are made, object by object.
class ImageWriter {
  public:
    explicit ImageWriter(bool has_schema);
    // The properties `of` as they were and are; null: there was no such object, or is none.
    void add(const model::Class& cls, const Key& key, const query::Image* before,
             const query::Image* after, const std::set<std::size_t>& of);
    const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_, before_, after_;
};
// Objects of classes that the schema does not have are left out. Throws StoreError (corrupt).
EntryImages read_images(std::string_view bytes, const model::Schema& schema);

} // namespace realmsync::views
