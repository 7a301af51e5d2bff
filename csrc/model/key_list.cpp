#include "model/key_list.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "model/keys.hpp"

namespace realmsync::model {

namespace {

template <class T> void write(std::string& out, const T& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T> T read(const std::string& bytes, std::size_t position) {
    T value;
    std::memcpy(&value, bytes.data() + position * sizeof value, sizeof value);
    return value;
}

} // namespace

bool is_less(const Key& a, const Key& b) { return compare(a, b) < 0; }

KeyList::KeyList(Type type) : type_(type) {}

std::size_t KeyList::width() const {
    switch (type_) {
    case Type::integer: return sizeof(std::int64_t);
    case Type::object_id: return sizeof(ObjectId);
    case Type::uuid: return sizeof(Uuid);
    case Type::global_key: return sizeof(GlobalKey);
    default: return 0;
    }
}

void KeyList::append(const Key& key) {
    if (size_ >= std::numeric_limits<std::uint32_t>::max())
        raise(ErrorKind::limit_exceeded, "A query selects at most 2^32 - 1 objects");
    if (key.type == Type::null) {
        nulls_.push_back(static_cast<std::uint32_t>(size_));
        bytes_.append(width(), '\0');
    } else {
        REALMSYNC_ASSERT(key.type == type_);
        switch (type_) {
        case Type::integer: write(bytes_, key.integer); break;
        case Type::object_id: write(bytes_, key.object_id); break;
        case Type::uuid: write(bytes_, key.uuid); break;
        case Type::global_key: write(bytes_, key.global); break;
        default: bytes_.append(key.string);
        }
    }
    places_.clear();
    if (width() == 0)
        ends_.push_back(bytes_.size());
    ++size_;
}

Key KeyList::at(std::size_t position) const {
    REALMSYNC_ASSERT(position < size_);
    Key key;
    if (std::binary_search(nulls_.begin(), nulls_.end(), position))
        return key;
    key.type = type_;
    switch (type_) {
    case Type::integer: key.integer = read<std::int64_t>(bytes_, position); break;
    case Type::object_id: key.object_id = read<ObjectId>(bytes_, position); break;
    case Type::uuid: key.uuid = read<Uuid>(bytes_, position); break;
    case Type::global_key: key.global = read<GlobalKey>(bytes_, position); break;
    default: {
        const std::size_t begin = position == 0 ? 0 : ends_[position - 1];
        key.string = std::string_view(bytes_).substr(begin, ends_[position] - begin);
    }
    }
    return key;
}

bool KeyList::operator==(const KeyList& other) const {
    return type_ == other.type_ && size_ == other.size_ && bytes_ == other.bytes_ &&
           ends_ == other.ends_ && nulls_ == other.nulls_;
}

std::size_t KeyList::bytes() const {
    return bytes_.capacity() + ends_.capacity() * sizeof(std::uint64_t) +
           (nulls_.capacity() + places_.capacity()) * sizeof(std::uint32_t);
}

void KeyList::reorder(std::span<const std::uint32_t> order) {
    KeyList next(type_);
    next.bytes_.reserve(bytes_.size());
    for (const std::uint32_t position : order)
        next.append(at(position));
    *this = std::move(next);
}

std::size_t KeyList::place_of(const Key& key) const {
    // Hashes of integers may be the integers: the product's upper bits depend on all of theirs.
    const std::uint64_t mixed = std::uint64_t{hash(key)} * 0x9e37'79b9'7f4a'7c15;
    return static_cast<std::size_t>(mixed >> 20) & (places_.size() - 1);
}

void KeyList::make_index() const {
    places_.assign(std::bit_ceil(2 * size_ + 1), 0);
    for (std::size_t i = 0; i < size_; ++i) {
        std::size_t place = place_of(at(i));
        while (places_[place] != 0)
            place = (place + 1) & (places_.size() - 1);
        places_[place] = static_cast<std::uint32_t>(i + 1);
    }
}

std::size_t KeyList::find(const Key& key) const {
    if (key.type != type_ && key.type != Type::null)
        return npos;
    if (places_.empty())
        make_index();
    // Of equal keys the first one was put in first, and is met first.
    for (std::size_t place = place_of(key); places_[place] != 0;
         place = (place + 1) & (places_.size() - 1))
        if (equal(at(places_[place] - 1), key))
            return places_[place] - 1;
    return npos;
}

} // namespace realmsync::model
