#include "views/entry_images.hpp"

#include <iterator>
#include <utility>

#include "views/value_bytes.hpp"

namespace realmsync::views {

namespace {

constexpr std::uint64_t kExisted = 1, kExists = 2, kChanged = 4;

// What lies between the properties is null.
void put_values(std::string& bytes, const query::Image& image, const std::set<std::size_t>& of) {
    static const model::Value kNull;
    bytes.clear();
    const auto end = of.lower_bound(image.cls->properties.size());
    put_number(bytes, end == of.begin() ? 0 : *std::prev(end) + 1);
    std::size_t next = 0;
    for (auto property = of.begin(); property != end; ++property) {
        for (; next < *property; ++next)
            put_value(bytes, kNull);
        if (const model::Value* value = image.find(next))
            put_value(bytes, *value);
        else
            put_value(bytes, model::zero_value(image.cls->properties[next]));
        ++next;
    }
}

std::vector<model::Value> read_values(ValueReader& reader) {
    std::vector<model::Value> values;
    for (std::uint64_t left = reader.number(); left != 0; --left)
        values.push_back(reader.value());
    return values;
}

ObjectImages read_object(ValueReader& reader, const model::Schema& schema) {
    ObjectImages object;
    object.cls = schema.find(reader.text());
    object.key = model::ObjectKey(reader.key());
    const std::uint64_t flags = reader.number();
    object.existed = (flags & kExisted) != 0;
    object.exists = (flags & kExists) != 0;
    object.is_changed = (flags & kChanged) != 0;
    object.before = read_values(reader);
    if (object.is_changed)
        object.after = read_values(reader);
    return object;
}

} // namespace

ImageWriter::ImageWriter(bool has_schema) { put_number(bytes_, has_schema ? 1 : 0); }

void ImageWriter::add(const model::Class& cls, const Key& key, const query::Image* before,
                      const query::Image* after, const std::set<std::size_t>& of) {
    static const std::string kNoValues(1, '\0');
    before_ = after_ = kNoValues;
    if (before != nullptr)
        put_values(before_, *before, of);
    if (after != nullptr)
        put_values(after_, *after, of);
    const bool is_changed = (before == nullptr) != (after == nullptr) || before_ != after_;
    put_text(bytes_, cls.name);
    put_key(bytes_, key);
    put_number(bytes_, (before != nullptr ? kExisted : 0) | (after != nullptr ? kExists : 0) |
                           (is_changed ? kChanged : 0));
    bytes_ += before_;
    if (is_changed)
        bytes_ += after_;
}

EntryImages read_images(std::string_view bytes, const model::Schema& schema) {
    EntryImages images;
    ValueReader reader(bytes);
    images.has_schema = reader.number() != 0;
    while (!reader.at_end()) {
        ObjectImages object = read_object(reader, schema);
        if (object.cls != nullptr)
            images.objects.push_back(std::move(object));
    }
    return images;
}

} // namespace realmsync::views
