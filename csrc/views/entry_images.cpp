#include "views/entry_images.hpp"

#include <utility>

#include "views/value_bytes.hpp"

namespace realmsync::views {

namespace {

constexpr std::uint64_t kExisted = 1, kExists = 2, kChanged = 4;

void put_values(std::string& bytes, const std::vector<model::Value>& values) {
    put_number(bytes, values.size());
    for (const model::Value& value : values)
        put_value(bytes, value);
}

std::vector<model::Value> read_values(ValueReader& reader) {
    std::vector<model::Value> values;
    for (std::uint64_t left = reader.number(); left != 0; --left)
        values.push_back(reader.value());
    return values;
}

void put_object(std::string& bytes, const ObjectImages& object) {
    put_text(bytes, object.cls->name);
    put_key(bytes, object.key.view());
    put_number(bytes, (object.existed ? kExisted : 0) | (object.exists ? kExists : 0) |
                          (object.is_changed ? kChanged : 0));
    put_values(bytes, object.before);
    if (object.is_changed)
        put_values(bytes, object.after);
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

std::string write_images(const EntryImages& images) {
    std::string bytes;
    put_number(bytes, images.has_schema ? 1 : 0);
    for (const ObjectImages& object : images.objects)
        put_object(bytes, object);
    return bytes;
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
