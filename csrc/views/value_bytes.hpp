// Values and keys as bytes, without loss: how the server keeps the images of objects and the
// constants of views. Nobody else reads them; the bytes of changesets are changeset/'s.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/value.hpp"

namespace realmsync::views {

void put_number(std::string& bytes, std::uint64_t number);
void put_text(std::string& bytes, std::string_view text); // with its length
void put_key(std::string& bytes, const Key& key);
void put_value(std::string& bytes, const model::Value& value); // O(its size)

inline std::string key_bytes(const Key& key) {
    std::string bytes;
    put_key(bytes, key);
    return bytes;
}

// The inverse, part by part. Every member throws StoreError (corrupt) for other bytes.
class ValueReader {
  public:
    explicit ValueReader(std::string_view bytes) : rest_(bytes) {}

    bool at_end() const { return rest_.empty(); }
    std::uint64_t number();
    std::string_view text(); // borrowed from the bytes
    Key key();               // likewise
    model::Value value();

  private:
    std::string_view take(std::uint64_t size);
    template <class T> T plain();
    model::Value container(Type type);

    std::string_view rest_;
    int depth_ = 0;
};

} // namespace realmsync::views
